// Attention over one sentence, key block by key block. Included once per instruction set.
//
// A row is one query of one head. For each key block and row: scores are a matrix product with the
// keys, packed; their maximum is taken, weights are e^(score - maximum); the weights' sum and their
// product with the values are the block's result, and results are merged from left to right
// (Milakov and Gimelshein, 2018; Dao et al., 2022). Keys that a row does not see have no influence,
// whatever they hold; and a row's operations depend on its visible keys alone, so that its bits are
// the same whatever rows and keys there are beside it.
namespace quatrain::QUATRAIN_ISA {

inline std::ptrdiff_t round_up(std::ptrdiff_t n, std::ptrdiff_t unit) {
  return (n + unit - 1) / unit * unit;
}

// The left factor of the product with the values: rows kKeyBlock apart, known when compiled.
struct Weights {
  const float* data;
  QUATRAIN_INLINE float at(int row) const { return data[row * kKeyBlock]; }
  QUATRAIN_INLINE void advance() { ++data; }
};

template <class Element>  // of keys and values: float, or std::int8_t
class Attention {
  static constexpr std::ptrdiff_t kBytes = sizeof(Element);
  static constexpr bool kQuantized = kBytes == 1;

 public:
  // With `memory` null, only scratch_size() may be called.
  Attention(const AttentionTask& task, float* memory)
      : task_(task),
        head_rows_((task.last - task.first) * task.group),
        sweeping_(head_rows_ <= kTileRows),
        heads_at_once_(sweeping_ ? task.kv_heads : 1),
        value_stride_(round_up(task.value_size, kPanel)),
        direct_keys_(sweeping_ && task.key_size % (kWidth * (kQuantized ? 4 : 1)) == 0),
        direct_values_(!kQuantized && sweeping_ && task.value_size == value_stride_),
        cut_(head_rows_),
        // Later queries see later keys: the first one begins first and the last one ends last.
        seen_{visible(task.first).begin, visible(task.last - 1).end},
        memory_(memory) {
    const std::ptrdiff_t rows = head_rows_ * heads_at_once_;
    const std::ptrdiff_t block_rows = sweeping_ ? rows : kTileRows;
    queries_ = take(rows * task.key_size);
    keys_ = take(kKeyBlock * task.key_size);
    values_ = take(direct_values_ ? 0 : kKeyBlock * value_stride_);
    scores_ = take(block_rows * kKeyBlock);
    key_scales_ = take(kQuantized ? heads_at_once_ * kKeyBlock : 0);
    value_scales_ = take(kQuantized ? heads_at_once_ * kKeyBlock : 0);
    total_ = {take(rows), take(rows), take(rows * value_stride_)};
    block_ = {take(block_rows), take(block_rows), take(block_rows * value_stride_)};
  }

  std::ptrdiff_t scratch_size() const { return taken_; }

  void run() {
    for (head_ = 0; head_ < task_.kv_heads; head_ += heads_at_once_) {
      begin_heads();
      for (start_ = seen_.begin / kKeyBlock * kKeyBlock; start_ < seen_.end; start_ += kKeyBlock) {
        count_ = smaller(kKeyBlock, seen_.end - start_);
        if (sweeping_) {
          with_rows<kTileRows>(head_rows_, [&](auto height) { sweep_block<height.value>(); });
        } else {
          head_block(head_);
        }
      }
      finish_heads();
    }
  }

 private:
  float* take(std::ptrdiff_t size) {
    float* part = memory_ == nullptr ? nullptr : memory_ + taken_;
    taken_ += round_up(size, kPanel);
    return part;
  }
  static void fill(float* data, std::ptrdiff_t size, float value) {
    for (std::ptrdiff_t i = 0; i < size; ++i) data[i] = value;
  }

  // Rows of one kv head are its queries in order, each with all heads of the group.
  std::ptrdiff_t query_of(std::ptrdiff_t row) const {
    return task_.first + row % head_rows_ / task_.group;
  }
  std::ptrdiff_t head_of(std::ptrdiff_t row) const {
    return (head_ + row / head_rows_) * task_.group + row % task_.group;
  }

  Span visible(std::ptrdiff_t query) const {
    const std::ptrdiff_t position = query + task_.past;
    const std::ptrdiff_t end = task_.causal ? smaller(task_.keys, position + 1) : task_.keys;
    if (task_.window == 0) return {0, end};
    return {larger(0, position - task_.window + 1),
            task_.window < end - position ? position + task_.window : end};
  }
  Span visible_in_block(std::ptrdiff_t row) const {
    const Span seen = visible(query_of(row));
    const Span span = Span{seen.begin - start_, seen.end - start_}.clipped(0, count_);
    return span.empty() ? Span{0, 0} : span;
  }

  // What the rows of a tile see of the current block: some of them, and all of them.
  struct Spans {
    Span any, common;
    bool first;  // none of the rows sees an earlier block
    bool uniform() const { return any.begin == common.begin && any.end == common.end; }
  };
  Spans spans_of(std::ptrdiff_t first, int height) const {
    const Span early = visible(query_of(first)), late = visible(query_of(first + height - 1));
    return {Span{early.begin - start_, late.end - start_}.clipped(0, count_),
            Span{late.begin - start_, early.end - start_}.clipped(0, count_),
            early.begin >= start_};
  }

  // f(row, query, head) for the rows of the current heads.
  template <class F>
  void for_each_row(const F& f) const {
    std::ptrdiff_t row = 0;
    for (std::ptrdiff_t kv_head = head_; kv_head < head_ + heads_at_once_; ++kv_head) {
      for (std::ptrdiff_t query = task_.first; query < task_.last; ++query) {
        for (std::ptrdiff_t i = 0; i < task_.group; ++i) {
          f(row++, query, kv_head * task_.group + i);
        }
      }
    }
  }

  // Copies and scales the queries of the current heads.
  void begin_heads() {
    for_each_row([&](std::ptrdiff_t row, std::ptrdiff_t query, std::ptrdiff_t head) {
      const Vec scale = splat(task_.scale);
      map(
          task_.key_size, queries_ + row * task_.key_size, [scale](Vec a) { return a * scale; },
          task_.q + query * task_.q_stride + head * task_.key_size);
    });
    const std::ptrdiff_t rows = head_rows_ * heads_at_once_;
    fill(total_.maxima, rows, -kInfinity);
    fill(total_.sums, rows, 0.0f);
    fill(total_.outputs, rows * value_stride_, 0.0f);
  }

  void pack_keys(std::ptrdiff_t head, std::ptrdiff_t key) {
    pack_panel(this->key(head, key), task_.k_stride, smaller(kPanel, count_ - key), task_.key_size,
               keys_ + key * task_.key_size);
  }

  // [panel][key][kPanel], zero beyond the value's size.
  void pack_values(std::ptrdiff_t head, Span keys) {
    for (std::ptrdiff_t j = keys.begin; j < keys.end; ++j) {
      const Element* v = value(head, j);
      float* packed = values_ + j * kPanel;
      std::ptrdiff_t d = 0;
      for (; d + kWidth <= task_.value_size; d += kWidth) store(packed_at(packed, d), load(v + d));
      for (; d < value_stride_; d += kWidth) {
        const std::ptrdiff_t present = larger(0, task_.value_size - d);
        store(packed_at(packed, d), present > 0 ? load(v + d, present) : zero());
      }
    }
  }
  static float* packed_at(float* packed, std::ptrdiff_t d) {
    return packed + d / kPanel * kKeyBlock * kPanel + d % kPanel;
  }
  const Element* key(std::ptrdiff_t head, std::ptrdiff_t key) const {
    return static_cast<const Element*>(task_.k) + (start_ + key) * task_.k_stride +
           head * task_.key_size;
  }
  const Element* value(std::ptrdiff_t head, std::ptrdiff_t key) const {
    return static_cast<const Element*>(task_.v) + (start_ + key) * task_.v_stride +
           head * task_.value_size;
  }
  Plain queries_of(std::ptrdiff_t row) const {
    return {queries_ + row * task_.key_size, task_.key_size};
  }
  Right values_from(std::ptrdiff_t head, std::ptrdiff_t key) const {
    if constexpr (!kQuantized) {
      if (direct_values_) return {value(head, key), task_.v_stride, kPanel};
    }
    return {values_ + key * kPanel, kPanel, kKeyBlock * kPanel};
  }

  // The scales of the current block's keys and values.
  void read_scales(std::ptrdiff_t head) {
    if (!kQuantized) return;
    const std::ptrdiff_t at = head * kScaleColumns;
    for (std::ptrdiff_t j = 0; j < count_; ++j) {
      __builtin_memcpy(of_head(key_scales_, head) + j,
                       task_.k_scales + (start_ + j) * task_.k_stride + at, sizeof(float));
      __builtin_memcpy(of_head(value_scales_, head) + j,
                       task_.v_scales + (start_ + j) * task_.v_stride + at, sizeof(float));
    }
  }
  float* of_head(float* scales, std::ptrdiff_t head) const {
    return scales + (head - head_) * kKeyBlock;
  }

  // Many rows of one head: its keys and values are packed once and meet one tile after another.
  void head_block(std::ptrdiff_t head) {
    for (std::ptrdiff_t key = 0; key < count_; key += kPanel) pack_keys(head, key);
    pack_values(head, {0, count_});
    read_scales(head);
    for (std::ptrdiff_t t = 0; t < cut_.tiles; ++t) {
      prefetch_block(head, t);
      with_rows<kTileRows>(cut_.height(t), [&](auto height) {
        constexpr int n = height.value;
        const std::ptrdiff_t first = cut_.begin(t);
        const Spans spans = spans_of(first, n);
        if (spans.any.empty()) return;
        const Results result = spans.first ? part(total_, first) : block_;
        score<n>(first, spans.any, scores_);
        weigh<n>(head, first, spans, scores_, result);
        multiply<n>(head, first, spans, spans.any, scores_, result.outputs, false);
        if (!spans.first) merge<n>(part(total_, first), block_, value_stride_);
      });
    }
  }

  // Fetches one tile's share of the next block.
  void prefetch_block(std::ptrdiff_t head, std::ptrdiff_t tile) const {
    const std::ptrdiff_t count = smaller(kKeyBlock, seen_.end - start_ - kKeyBlock);
    const Span keys{kKeyBlock + count * tile / cut_.tiles,
                    kKeyBlock + count * (tile + 1) / cut_.tiles};
    prefetch_rows(key(head, keys.begin), task_.k_stride * kBytes, keys, task_.key_size * kBytes);
    prefetch_values(head, keys);
  }
  void prefetch_values(std::ptrdiff_t head, Span keys) const {
    prefetch_rows(value(head, keys.begin), task_.v_stride * kBytes, keys,
                  task_.value_size * kBytes);
  }

  // A few rows of many heads, as in decoding, where reading keys and values is all the cost: heads
  // take turns every kPanel keys, so that memory is read in nearly its own order, and each fetches
  // what it meets at its next turn.
  template <int height>
  void sweep_block() {
    const Spans spans = spans_of(0, height);  // of every head the same
    if (spans.any.empty()) return;
    const std::ptrdiff_t begin = spans.any.begin / kPanel * kPanel;
    for (std::ptrdiff_t key = begin; key < spans.any.end; key += kPanel) {
      for (std::ptrdiff_t head = 0; head < task_.kv_heads; ++head) {
        float* scores = scores_ + head * height * kKeyBlock;
        if (direct_keys_ && key + kPanel <= count_) {
          score_keys<height>(queries_of(head * height), this->key(head, key), task_.k_stride,
                             task_.key_size, scores + key);
        } else {
          pack_keys(head, key);
          score<height>(head * height, {key, key + kPanel}, scores);
        }
      }
    }
    const Results results = spans.first ? total_ : block_;
    for (std::ptrdiff_t head = 0; head < task_.kv_heads; ++head) {
      if (spans.first) prefetch_values(head, turn(begin));
      read_scales(head);
      weigh<height>(head, head * height, spans, scores_ + head * height * kKeyBlock,
                    part(results, head * height));
    }
    for (std::ptrdiff_t key = begin; key < spans.any.end; key += kPanel) {
      const Span keys = spans.any.clipped(key, key + kPanel);
      for (std::ptrdiff_t head = 0; head < task_.kv_heads; ++head) {
        prefetch_values(head, turn(key + kPanel));
        if (!direct_values_) pack_values(head, keys);
        multiply<height>(head, head * height, spans, keys, scores_ + head * height * kKeyBlock,
                         part(results, head * height).outputs, key > begin);
      }
    }
    if (spans.first) return;
    for (std::ptrdiff_t head = 0; head < task_.kv_heads; ++head) {
      merge<height>(part(total_, head * height), part(block_, head * height), value_stride_);
    }
  }
  // The keys of a turn, which may be the next block's.
  Span turn(std::ptrdiff_t key) const {
    return Span{key, key + kPanel}.clipped(0, seen_.end - start_);
  }
  Results part(Results results, std::ptrdiff_t row) const {
    return {results.maxima + row, results.sums + row, results.outputs + row * value_stride_};
  }

  // scores[i, j] = q_i . k_j for whole panels that cover the keys. What lies outside a row's span,
  // or beyond the last key, is not used.
  template <int height>
  void score(std::ptrdiff_t first, Span keys, float* scores) {
    const std::ptrdiff_t panel_size = task_.key_size * kPanel;
    const std::ptrdiff_t from = keys.begin / kPanel, to = (keys.end + kPanel - 1) / kPanel;
    strip<height>(queries_of(first), Right{keys_ + from * panel_size, kPanel, panel_size},
                  task_.key_size, scores + from * kPanel, kKeyBlock, (to - from) * kPanel, false);
  }

  // Scores become weights, zero for keys that a row does not see though others of the tile do;
  // gives their maximum and sum. The maxima come first, so that no exponential waits for one.
  template <int height>
  void weigh(std::ptrdiff_t head, std::ptrdiff_t first, const Spans& spans, float* scores,
             Results block) const {
    Span seen[height];
    for (int i = 0; i < height; ++i) {
      float* row = scores + i * kKeyBlock;
      seen[i] = spans.uniform() ? spans.any : visible_in_block(first + i);
      if (kQuantized) scale_scores(row, seen[i], of_head(key_scales_, head));
      if (task_.softcap > 0) cap_scores(row, seen[i], task_.softcap);
      if (task_.bias != nullptr) add_bias(row, seen[i], bias_of(first + i));
      block.maxima[i] = highest_score(row, seen[i]);
    }
    for (int i = 0; i < height; ++i) {
      float* row = scores + i * kKeyBlock;
      block.sums[i] = weigh_scores(row, seen[i], spans.any, block.maxima[i]);
      if (kQuantized) scale_scores(row, spans.any, of_head(value_scales_, head));
    }
  }
  // Of the current block's first key.
  const float* bias_of(std::ptrdiff_t row) const {
    return task_.bias + query_of(row) * task_.bias_row_stride +
           head_of(row) * task_.bias_head_stride + start_;
  }

  // outputs = weights values over some keys, ascending; added to what is there if `accumulate`.
  // Where a row does not see a key that others see, its weight is zero, which leaves the sum as it
  // is if the value is finite; if one is not, each row meets its own keys alone.
  template <int height>
  void multiply(std::ptrdiff_t head, std::ptrdiff_t first, const Spans& spans, Span keys,
                const float* weights, float* outputs, bool accumulate) const {
    if (spans.uniform() || (finite(head, keys.clipped(0, spans.common.begin)) &&
                            finite(head, keys.clipped(spans.common.end, keys.end)))) {
      strip<height>(Weights{weights + keys.begin}, values_from(head, keys.begin),
                    keys.end - keys.begin, outputs, value_stride_, value_stride_, accumulate);
      return;
    }
    if (!accumulate) fill(outputs, height * value_stride_, 0.0f);
    for (int i = 0; i < height; ++i) {
      const Span span = visible_in_block(first + i).clipped(keys.begin, keys.end);
      if (span.empty()) continue;
      strip<1>(Plain{weights + i * kKeyBlock + span.begin, kKeyBlock},
               values_from(head, span.begin), span.end - span.begin, outputs + i * value_stride_,
               value_stride_, value_stride_, true);
    }
  }
  bool finite(std::ptrdiff_t head, Span keys) const {
    Vec zeros = zero();
    for (std::ptrdiff_t j = keys.begin; j < keys.end; ++j) {
      if (kQuantized) {
        zeros = fma(splat(of_head(value_scales_, head)[j]), zero(), zeros);
        continue;
      }
      const Element* v = value(head, j);
      std::ptrdiff_t d = 0;
      for (; d + kWidth <= task_.value_size; d += kWidth) zeros = fma(load(v + d), zero(), zeros);
      if (d < task_.value_size) zeros = fma(load(v + d, task_.value_size - d), zero(), zeros);
    }
    return reduce_add(zeros) == 0.0f;
  }

  // Zero is added because the sign of a zero sum may depend on whether keys of weight zero were
  // left out.
  void finish_heads() const {
    for_each_row([&](std::ptrdiff_t row, std::ptrdiff_t query, std::ptrdiff_t head) {
      const Vec factor = splat(normalizer(total_.sums[row], total_.maxima[row],
                                          task_.sinks == nullptr ? nullptr : task_.sinks + head));
      const float* output = total_.outputs + row * value_stride_;
      float* out = task_.out + query * task_.out_stride + head * task_.value_size;
      map(task_.value_size, out, [factor](Vec a) { return a * factor + zero(); }, output);
    });
  }

  const AttentionTask& task_;
  const std::ptrdiff_t head_rows_;  // of one kv head
  const bool sweeping_;
  const std::ptrdiff_t heads_at_once_;      // kv heads whose rows are worked on together
  const std::ptrdiff_t value_stride_;       // a value's size in whole panels
  const bool direct_keys_, direct_values_;  // are met where they lie, not packed
  const RowCut cut_;
  const Span seen_;
  float* const memory_;
  std::ptrdiff_t taken_ = 0;
  float *queries_, *keys_, *values_, *scores_, *key_scales_, *value_scales_;
  Results total_, block_;
  std::ptrdiff_t head_ = 0, start_ = 0, count_ = 0;  // the current heads and block
};

inline std::ptrdiff_t attention_scratch(const AttentionTask& task) {
  return task.k_scales == nullptr ? Attention<float>(task, nullptr).scratch_size()
                                  : Attention<std::int8_t>(task, nullptr).scratch_size();
}

inline void attention(const AttentionTask& task) {
  if (task.first >= task.last) return;
  if (task.k_scales == nullptr) {
    Attention<float>(task, task.scratch).run();
  } else {
    Attention<std::int8_t>(task, task.scratch).run();
  }
}

}  // namespace quatrain::QUATRAIN_ISA
