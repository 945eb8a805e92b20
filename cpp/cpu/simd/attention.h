// Attention over one sentence, key block by key block. Included once per instruction set.
//
// A row is one query of one head. For each key block and row: scores are a matrix product with the
// keys, packed; their maximum is taken, weights are e^(score - maximum); the weights' sum and their
// product with the values are the block's result, and results are merged from left to right
// (Milakov and Gimelshein, 2018; Dao et al., 2022). Keys that a row does not see are never
// multiplied, so what they hold does not matter; and a row's operations depend on its visible keys
// alone, so that its bits are the same whatever rows and keys there are beside it.
namespace quatrain::QUATRAIN_ISA {

constexpr float kInfinity = __builtin_inff();

inline std::ptrdiff_t round_up(std::ptrdiff_t n, std::ptrdiff_t unit) {
  return (n + unit - 1) / unit * unit;
}

// Keys [begin, end), counted from the beginning of the sentence or of a block.
struct Span {
  std::ptrdiff_t begin, end;
  bool empty() const { return begin >= end; }
  Span clipped(std::ptrdiff_t from, std::ptrdiff_t to) const {
    return {larger(begin, from), smaller(end, to)};
  }
};

// What every row knows of the blocks so far, or of one block.
struct Results {
  float *maxima, *sums, *outputs;
};

class Attention {
 public:
  // With `memory` null, only scratch_size() may be called.
  Attention(const AttentionTask& task, float* memory)
      : task_(task),
        head_rows_((task.last - task.first) * task.group),
        rows_(head_rows_ * task.kv_heads),
        value_stride_(round_up(task.value_size, kPanel)),
        sweeping_(head_rows_ <= kTileRows),
        direct_values_(sweeping_ && task.value_size == value_stride_),
        cut_(head_rows_),
        memory_(memory) {
    const std::ptrdiff_t block_rows = sweeping_ ? rows_ : kTileRows;
    queries_ = take(rows_ * task.key_size);
    keys_ = take(kKeyBlock * task.key_size);
    values_ = take(direct_values_ ? 0 : kKeyBlock * value_stride_);
    scores_ = take(block_rows * kKeyBlock);
    total_ = {take(rows_), take(rows_), take(rows_ * value_stride_)};
    block_ = {take(block_rows), take(block_rows), take(block_rows * value_stride_)};
  }

  std::ptrdiff_t scratch_size() const { return taken_; }

  void run() {
    pack_queries();
    fill(total_.maxima, rows_, -kInfinity);
    fill(total_.sums, rows_, 0.0f);
    fill(total_.outputs, rows_ * value_stride_, 0.0f);
    // Later queries see later keys: the first one begins first and the last one ends last.
    const Span all{visible(task_.first).begin, visible(task_.last - 1).end};
    for (start_ = all.begin / kKeyBlock * kKeyBlock; start_ < all.end; start_ += kKeyBlock) {
      count_ = smaller(kKeyBlock, task_.keys - start_);
      if (sweeping_) {
        with_rows(head_rows_, [&](auto height) { sweep_block<height.value>(); });
      } else {
        for (std::ptrdiff_t head = 0; head < task_.kv_heads; ++head) head_block(head);
      }
    }
    for (std::ptrdiff_t row = 0; row < rows_; ++row) finish_row(row);
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
    return row / head_rows_ * task_.group + row % task_.group;
  }

  Span visible(std::ptrdiff_t query) const {
    const std::ptrdiff_t position = query + task_.past;
    return {task_.window > 0 ? larger(0, position - task_.window + 1) : 0,
            task_.causal ? smaller(task_.keys, position + 1) : task_.keys};
  }

  // The spans of a tile's rows within the current block: all, their union, and what is common.
  template <int height>
  struct Spans {
    Span row[height];
    Span any, common;
  };
  template <int height>
  Spans<height> spans_of(std::ptrdiff_t first) const {
    Spans<height> spans;
    spans.any = {count_, 0};
    spans.common = {0, count_};
    for (int i = 0; i < height; ++i) {
      const Span seen = visible(query_of(first + i));
      const Span span = Span{seen.begin - start_, seen.end - start_}.clipped(0, count_);
      spans.row[i] = span;
      spans.common = spans.common.clipped(span.begin, span.end);
      if (!span.empty()) {
        spans.any = {smaller(spans.any.begin, span.begin), larger(spans.any.end, span.end)};
      }
    }
    return spans;
  }

  // [tile][d][rows of the tile]
  void pack_queries() {
    float* packed = queries_;
    for (std::ptrdiff_t head = 0; head < task_.kv_heads; ++head) {
      for (std::ptrdiff_t t = 0; t < cut_.tiles; ++t) {
        with_rows(cut_.height(t), [&](auto height) {
          constexpr int n = height.value;
          const float* q[n];
          for (int i = 0; i < n; ++i) {
            const std::ptrdiff_t row = head * head_rows_ + cut_.begin(t) + i;
            q[i] = task_.q + query_of(row) * task_.q_stride + head_of(row) * task_.key_size;
          }
          for (std::ptrdiff_t d = 0; d < task_.key_size; ++d) {
            for (int i = 0; i < n; ++i) *packed++ = q[i][d];
          }
        });
      }
    }
  }

  void pack_keys(std::ptrdiff_t head, std::ptrdiff_t key) {
    pack_panel(task_.k + (start_ + key) * task_.k_stride + head * task_.key_size, task_.k_stride,
               smaller(kPanel, count_ - key), task_.key_size, keys_ + key * task_.key_size);
  }

  // [panel][key][kPanel], zero beyond the value's size.
  void pack_values(std::ptrdiff_t head, Span keys) {
    for (std::ptrdiff_t d = 0; d < task_.value_size; d += kPanel) {
      const std::ptrdiff_t present = smaller(kPanel, task_.value_size - d);
      for (std::ptrdiff_t j = keys.begin; j < keys.end; ++j) {
        const float* v = task_.v + (start_ + j) * task_.v_stride + head * task_.value_size + d;
        float* panel = values_ + d * kKeyBlock + j * kPanel;
        for (std::ptrdiff_t c = 0; c < kPanel; c += kWidth) {
          const std::ptrdiff_t lanes = larger(0, smaller(kWidth, present - c));
          store(panel + c, lanes == kWidth ? load(v + c)
                           : lanes == 0    ? zero()
                                           : load(v + c, lanes));
        }
      }
    }
  }
  Right values_from(std::ptrdiff_t head, std::ptrdiff_t key) const {
    if (direct_values_) {
      return {task_.v + (start_ + key) * task_.v_stride + head * task_.value_size, task_.v_stride,
              kPanel};
    }
    return {values_ + key * kPanel, kPanel, kKeyBlock * kPanel};
  }

  // Many rows of one head: its keys and values are packed once and meet one tile after another.
  void head_block(std::ptrdiff_t head) {
    for (std::ptrdiff_t key = 0; key < count_; key += kPanel) pack_keys(head, key);
    pack_values(head, {0, count_});
    for (std::ptrdiff_t t = 0; t < cut_.tiles; ++t) {
      prefetch_block(head, t);
      with_rows(cut_.height(t), [&](auto height) {
        constexpr int n = height.value;
        const std::ptrdiff_t first = head * head_rows_ + cut_.begin(t);
        const Spans<n> spans = spans_of<n>(first);
        if (spans.any.empty()) return;
        score<n>(first, spans.any, scores_);
        weigh<n>(first, spans, scores_, block_);
        multiply<n>(head, spans, {0, count_}, scores_, block_.outputs);
        merge<n>(first, spans, block_);
      });
    }
  }

  // Fetches one tile's share of the next block.
  void prefetch_block(std::ptrdiff_t head, std::ptrdiff_t tile) const {
    const std::ptrdiff_t next = start_ + kKeyBlock;
    const std::ptrdiff_t count = smaller(kKeyBlock, task_.keys - next);
    for (std::ptrdiff_t j = count * tile / cut_.tiles; j < count * (tile + 1) / cut_.tiles; ++j) {
      const float* k = task_.k + (next + j) * task_.k_stride + head * task_.key_size;
      const float* v = task_.v + (next + j) * task_.v_stride + head * task_.value_size;
      for (std::ptrdiff_t d = 0; d < task_.key_size; d += kPanel) prefetch(k + d);
      for (std::ptrdiff_t d = 0; d < task_.value_size; d += kPanel) prefetch(v + d);
    }
  }

  // A few rows of many heads, as in decoding, where reading keys and values is all the cost: heads
  // take turns every kPanel keys, so that memory is read in nearly its own order.
  template <int height>
  void sweep_block() {
    const Spans<height> spans = spans_of<height>(0);  // of every head the same
    if (spans.any.empty()) return;
    const std::ptrdiff_t begin = spans.any.begin / kPanel * kPanel;
    for (std::ptrdiff_t key = begin; key < spans.any.end; key += kPanel) {
      for (std::ptrdiff_t head = 0; head < task_.kv_heads; ++head) {
        pack_keys(head, key);
        score<height>(head * height, {key, key + kPanel}, scores_ + head * height * kKeyBlock);
      }
    }
    for (std::ptrdiff_t head = 0; head < task_.kv_heads; ++head) {
      weigh<height>(head * height, spans, scores_ + head * height * kKeyBlock,
                    part(block_, head * height));
    }
    for (std::ptrdiff_t key = begin; key < spans.any.end; key += kPanel) {
      const Span keys = Span{key, key + kPanel}.clipped(0, count_);
      for (std::ptrdiff_t head = 0; head < task_.kv_heads; ++head) {
        if (!direct_values_) pack_values(head, keys);
        multiply<height>(head, spans, keys, scores_ + head * height * kKeyBlock,
                         part(block_, head * height).outputs);
      }
    }
    for (std::ptrdiff_t head = 0; head < task_.kv_heads; ++head) {
      merge<height>(head * height, spans, part(block_, head * height));
    }
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
    strip<height>(Packed<height>{queries_ + first * task_.key_size},
                  {keys_ + from * panel_size, kPanel, panel_size}, task_.key_size,
                  scores + from * kPanel, kKeyBlock, (to - from) * kPanel, false);
  }

  // Scores become weights; gives their maximum and sum, and zero as the output so far.
  template <int height>
  void weigh(std::ptrdiff_t first, const Spans<height>& spans, float* scores, Results block) {
    for (int i = 0; i < height; ++i, scores += kKeyBlock) {
      const Span span = spans.row[i];
      block.maxima[i] = -kInfinity;
      block.sums[i] = 0.0f;
      if (span.empty()) continue;
      block.maxima[i] = adjust(first + i, span, scores);
      // If all scores are -inf, the weights are zero, not NaN.
      const Vec shift = splat(block.maxima[i] == -kInfinity ? 0.0f : block.maxima[i]);
      Vec sum = zero();
      for (std::ptrdiff_t j = aligned(span); j < span.end; j += kWidth) {
        const Vec weight = exp_of_negative(load(scores + j) - shift);
        store(scores + j, weight);
        sum = sum + weight;
      }
      block.sums[i] = reduce_add(sum);
      fill(block.outputs + i * value_stride_, value_stride_, 0.0f);
    }
  }

  // Vectors begin at multiples of their width within the block: each lane of a sum is then made of
  // the same keys, whichever others are visible.
  static std::ptrdiff_t aligned(Span span) { return span.begin / kWidth * kWidth; }

  // Scale, soft cap, bias; -inf for the other keys of the vectors that hold the span. Gives the
  // largest score, NaN left out: that is found again in the weights.
  float adjust(std::ptrdiff_t row, Span span, float* scores) const {
    const float* bias = nullptr;
    if (task_.bias != nullptr) {
      bias = task_.bias + query_of(row) * task_.bias_row_stride +
             head_of(row) * task_.bias_head_stride + start_;
    }
    const Vec scale = splat(task_.scale), cap = splat(task_.softcap), lowest = splat(-kInfinity);
    Vec top = lowest;
    for (std::ptrdiff_t j = aligned(span); j < span.end; j += kWidth) {
      Vec score = load(scores + j) * scale;
      if (task_.softcap > 0) score = cap * tanh(score / cap);
      if (bias != nullptr) score = score + load_span(bias, j, span);
      if (j < span.begin) score = select(lanes_below(span.begin - j), lowest, score);
      if (j + kWidth > span.end) score = select(lanes_below(span.end - j), score, lowest);
      store(scores + j, score);
      top = max(score, top);
    }
    return reduce_max(top);
  }

  // One vector of a bias; only what lies inside the span is read.
  static Vec load_span(const float* bias, std::ptrdiff_t j, Span span) {
    if (j >= span.begin && j + kWidth <= span.end) return load(bias + j);
    float lanes[kWidth] = {};
    const Span inside = span.clipped(j, j + kWidth);
    for (std::ptrdiff_t i = inside.begin; i < inside.end; ++i) lanes[i - j] = bias[i];
    return load(lanes);
  }

  // outputs += weights values over some keys, ascending. Those that all rows see are taken
  // together, those before and after row by row.
  template <int height>
  void multiply(std::ptrdiff_t head, const Spans<height>& spans, Span keys, const float* weights,
                float* outputs) const {
    Span common = spans.common.clipped(keys.begin, keys.end);
    if (common.empty()) common = {keys.end, keys.end};
    for (int i = 0; i < height; ++i) {
      multiply_row(head, spans.row[i].clipped(keys.begin, common.begin), weights, i, outputs);
    }
    if (!common.empty()) {
      strip<height>(Plain{weights + common.begin, kKeyBlock}, values_from(head, common.begin),
                    common.end - common.begin, outputs, value_stride_, value_stride_, true);
    }
    for (int i = 0; i < height; ++i) {
      multiply_row(head, spans.row[i].clipped(common.end, keys.end), weights, i, outputs);
    }
  }
  void multiply_row(std::ptrdiff_t head, Span span, const float* weights, int i,
                    float* outputs) const {
    if (span.empty()) return;
    strip<1>(Plain{weights + i * kKeyBlock + span.begin, kKeyBlock}, values_from(head, span.begin),
             span.end - span.begin, outputs + i * value_stride_, value_stride_, value_stride_,
             true);
  }

  // total = total e^(max_total - max) + block e^(max_block - max), where max is the larger.
  template <int height>
  void merge(std::ptrdiff_t first, const Spans<height>& spans, Results block) {
    static_assert(height <= kWidth, "one vector holds a value per row of a tile");
    const Results total = part(total_, first);
    const Vec before = load(total.maxima, height), found = load(block.maxima, height);
    const Vec after = max(before, found);
    const Vec shift = select(less(splat(-kInfinity), after), after, zero());
    const Vec keep = exp_of_negative(before - shift), add = exp_of_negative(found - shift);
    store(total.sums, load(total.sums, height) * keep + load(block.sums, height) * add, height);
    store(total.maxima, after, height);
    float keeps[kWidth], adds[kWidth];
    store(keeps, keep);
    store(adds, add);
    for (int i = 0; i < height; ++i) {
      if (spans.row[i].empty()) continue;
      const Vec k = splat(keeps[i]), a = splat(adds[i]);
      float* output = total.outputs + i * value_stride_;
      const float* addend = block.outputs + i * value_stride_;
      for (std::ptrdiff_t d = 0; d < value_stride_; d += kWidth) {
        store(output + d, load(output + d) * k + load(addend + d) * a);
      }
    }
  }

  void finish_row(std::ptrdiff_t row) const {
    float* out = task_.out + query_of(row) * task_.out_stride + head_of(row) * task_.value_size;
    const float sum = total_.sums[row];
    const Vec divisor = splat(sum == 0.0f ? 1.0f : sum);  // nothing visible: the output is zero
    const float* output = total_.outputs + row * value_stride_;
    map(task_.value_size, out, [divisor](Vec a) { return a / divisor; }, output);
  }

  const AttentionTask& task_;
  const std::ptrdiff_t head_rows_;     // of one kv head
  const std::ptrdiff_t rows_;          // of all
  const std::ptrdiff_t value_stride_;  // a value's size in whole panels
  const bool sweeping_, direct_values_;
  const RowCut cut_;
  float* const memory_;
  std::ptrdiff_t taken_ = 0;
  float *queries_, *keys_, *values_, *scores_;
  Results total_, block_;
  std::ptrdiff_t start_ = 0, count_ = 0;  // the current block
};

inline std::ptrdiff_t attention_scratch(const AttentionTask& task) {
  return Attention(task, nullptr).scratch_size();
}

inline void attention(const AttentionTask& task) {
  if (task.first < task.last) Attention(task, task.scratch).run();
}

}  // namespace quatrain::QUATRAIN_ISA
