// Attention of a few queries, one key block after another. Included once per instruction set.
//
// A row of the task is one query of one head. For each key block, rows in tiles of kTileRows: the
// scores are a matrix product with the packed keys, and the output a matrix product of e^(score -
// max) with the packed values, accumulated onto the output of the blocks before (Milakov and
// Gimelshein, 2018; Dao et al., 2022). Keys that a row does not see are never multiplied, so what
// they hold does not matter, and a row's sequence of operations depends on its visible keys alone.
namespace quatrain::QUATRAIN_ISA {

inline std::ptrdiff_t round_up(std::ptrdiff_t n, std::ptrdiff_t unit) {
  return (n + unit - 1) / unit * unit;
}

// The part [begin, end) of a key block that a row sees, as indices within the block.
struct Span {
  std::ptrdiff_t begin, end;
};

struct AttentionScratch {
  std::ptrdiff_t rows, value_stride;
  float *queries, *keys, *values, *outputs, *maxima, *sums, *scores;

  // `memory` may be null, to learn the size only.
  AttentionScratch(const AttentionTask& task, float* memory)
      : rows((task.last - task.first) * task.group),
        value_stride(round_up(task.value_size, kPanel)) {
    const std::ptrdiff_t sizes[] = {rows * task.key_size,
                                    kKeyBlock * task.key_size,
                                    kKeyBlock * value_stride,
                                    rows * value_stride,
                                    rows,
                                    rows,
                                    kTileRows * kKeyBlock};
    float** const parts[] = {&queries, &keys, &values, &outputs, &maxima, &sums, &scores};
    size = 0;
    for (int i = 0; i < 7; ++i) {
      *parts[i] = memory == nullptr ? nullptr : memory + size;
      size += round_up(sizes[i], kPanel);
    }
  }
  std::ptrdiff_t size;
};

inline std::ptrdiff_t attention_scratch(const AttentionTask& task) {
  return AttentionScratch(task, nullptr).size;
}

class Attention {
 public:
  Attention(const AttentionTask& task)
      : task_(task), scratch_(task, task.scratch), cut_(scratch_.rows) {}

  void run() {
    pack_queries();
    for (std::ptrdiff_t i = 0; i < scratch_.rows; ++i) {
      scratch_.maxima[i] = -__builtin_inff();
      scratch_.sums[i] = 0.0f;
    }
    for (std::ptrdiff_t i = 0; i < scratch_.rows * scratch_.value_stride; ++i) {
      scratch_.outputs[i] = 0.0f;
    }
    const Span all = visible_to_any();
    for (std::ptrdiff_t start = all.begin / kKeyBlock * kKeyBlock; start < all.end;
         start += kKeyBlock) {
      block(start, smaller(kKeyBlock, task_.keys - start));
    }
    finish_rows();
  }

 private:
  std::ptrdiff_t query_of(std::ptrdiff_t row) const { return task_.first + row / task_.group; }

  // Keys that query i sees.
  Span visible(std::ptrdiff_t query) const {
    const std::ptrdiff_t position = query + task_.past;
    const std::ptrdiff_t end = task_.causal ? smaller(task_.keys, position + 1) : task_.keys;
    const std::ptrdiff_t begin = task_.window > 0 ? larger(0, position - task_.window + 1) : 0;
    return {begin, end};
  }
  // Later queries see later keys: the first query begins first and the last ends last.
  Span visible_to_any() const { return {visible(task_.first).begin, visible(task_.last - 1).end}; }

  void pack_queries() {
    for (std::ptrdiff_t t = 0; t < cut_.tiles; ++t) {
      const std::ptrdiff_t height = cut_.height(t);
      float* packed = scratch_.queries + cut_.begin(t) * task_.key_size;
      for (std::ptrdiff_t i = 0; i < height; ++i) {
        const std::ptrdiff_t row = cut_.begin(t) + i;
        const float* q =
            task_.q + query_of(row) * task_.q_stride + row % task_.group * task_.key_size;
        for (std::ptrdiff_t d = 0; d < task_.key_size; ++d) packed[d * height + i] = q[d];
      }
    }
  }

  void block(std::ptrdiff_t start, std::ptrdiff_t count) {
    const float* keys = task_.k + start * task_.k_stride;
    for (std::ptrdiff_t j = 0; j < count; j += kPanel) {
      pack_panel(keys + j * task_.k_stride, task_.k_stride, smaller(kPanel, count - j),
                 task_.key_size, scratch_.keys + j * task_.key_size);
    }
    pack_values(task_.v + start * task_.v_stride, count);
    for (std::ptrdiff_t t = 0; t < cut_.tiles; ++t) {
      with_rows(cut_.height(t),
                [&](auto height) { tile_of_rows<height.value>(cut_.begin(t), start, count); });
    }
  }

  // [panel][key][kPanel], zero beyond the value's size.
  void pack_values(const float* v, std::ptrdiff_t count) {
    for (std::ptrdiff_t d = 0; d < task_.value_size; d += kPanel) {
      float* panel = scratch_.values + d * kKeyBlock;
      const std::ptrdiff_t present = smaller(kPanel, task_.value_size - d);
      for (std::ptrdiff_t j = 0; j < count; ++j) {
        for (std::ptrdiff_t c = 0; c < kPanel; c += kWidth) {
          const std::ptrdiff_t left = present - c;
          const float* source = v + j * task_.v_stride + d + c;
          store(panel + j * kPanel + c, left >= kWidth ? load(source)
                                        : left > 0     ? load(source, left)
                                                       : zero());
        }
      }
    }
  }

  template <int height>
  void tile_of_rows(std::ptrdiff_t first, std::ptrdiff_t start, std::ptrdiff_t count) {
    Span spans[height];
    Span any{count, 0}, common{0, count};
    for (int i = 0; i < height; ++i) {
      const Span seen = visible(query_of(first + i));
      spans[i] = {larger(seen.begin - start, 0), smaller(seen.end - start, count)};
      if (spans[i].begin >= spans[i].end) spans[i] = {0, 0};
      if (spans[i].end > 0) {
        any = {smaller(any.begin, spans[i].begin), larger(any.end, spans[i].end)};
      }
      common = {larger(common.begin, spans[i].begin), smaller(common.end, spans[i].end)};
    }
    if (any.begin >= any.end) return;

    const std::ptrdiff_t panel_size = task_.key_size * kPanel;
    const std::ptrdiff_t from = any.begin / kPanel, to = (any.end + kPanel - 1) / kPanel;
    strip<height>(Packed<height>{scratch_.queries + first * task_.key_size},
                  {scratch_.keys + from * panel_size, kPanel, panel_size}, task_.key_size,
                  scratch_.scores + from * kPanel, kKeyBlock, (to - from) * kPanel, false);
    for (int i = 0; i < height; ++i) {
      if (spans[i].end > 0) weigh(first + i, start, spans[i], scratch_.scores + i * kKeyBlock);
    }
    multiply_values<height>(first, spans, common);
  }

  // Scores of one row become weights e^(score - max); its sum and its output so far are rescaled to
  // the new maximum.
  void weigh(std::ptrdiff_t row, std::ptrdiff_t start, Span span, float* scores) {
    const float* bias = nullptr;
    if (task_.bias != nullptr) {
      bias = task_.bias + query_of(row) * task_.bias_row_stride +
             row % task_.group * task_.bias_head_stride + start;
    }
    // Vectors begin at multiples of their width within the block, whatever the span: each lane of
    // the sum is then made of the same keys whether or not others are visible.
    const std::ptrdiff_t from = span.begin / kWidth * kWidth;
    const Vec lowest = splat(-__builtin_inff());
    Vec top = lowest;
    for (std::ptrdiff_t j = from; j < span.end; j += kWidth) {
      Vec score = load(scores + j) * splat(task_.scale);
      if (task_.softcap > 0) score = splat(task_.softcap) * tanh(score / splat(task_.softcap));
      if (bias != nullptr) score = score + load_span(bias, j, span);
      if (j < span.begin) score = select(lanes_below(span.begin - j), lowest, score);
      if (j + kWidth > span.end) score = select(lanes_below(span.end - j), score, lowest);
      store(scores + j, score);
      top = max(score, top);
    }
    const float before = scratch_.maxima[row];
    const float found = reduce_max(top);
    const float after = found > before ? found : before;
    // A row whose scores are all -inf so far has weights of zero, not NaN.
    const Vec shift = splat(after == -__builtin_inff() ? 0.0f : after);
    Vec total = zero();
    for (std::ptrdiff_t j = from; j < span.end; j += kWidth) {
      const Vec weight = exp(load(scores + j) - shift);
      store(scores + j, weight);
      total = total + weight;
    }
    float rescale[kWidth];
    store(rescale, exp(splat(before) - shift));
    scratch_.maxima[row] = after;
    scratch_.sums[row] = scratch_.sums[row] * rescale[0] + reduce_add(total);
    if (rescale[0] != 1.0f) {
      scale(scratch_.outputs + row * scratch_.value_stride, rescale[0],
            scratch_.outputs + row * scratch_.value_stride, scratch_.value_stride);
    }
  }

  // bias[j ...] for one vector; only what lies inside the span is read.
  static Vec load_span(const float* bias, std::ptrdiff_t j, Span span) {
    if (j >= span.begin && j + kWidth <= span.end) return load(bias + j);
    float lanes[kWidth] = {};
    for (std::ptrdiff_t i = larger(j, span.begin); i < smaller(j + kWidth, span.end); ++i) {
      lanes[i - j] = bias[i];
    }
    return load(lanes);
  }

  // output += weights values, keys ascending. The keys that all rows of the tile see are taken
  // together, those before and after row by row.
  template <int height>
  void multiply_values(std::ptrdiff_t first, const Span* spans, Span common) {
    float* outputs = scratch_.outputs + first * scratch_.value_stride;
    if (common.begin >= common.end) common = {kKeyBlock, kKeyBlock};
    for (int i = 0; i < height; ++i) {
      multiply_row(outputs, i, {spans[i].begin, smaller(spans[i].end, common.begin)});
    }
    if (common.begin < common.end) {
      strip<height>(Plain{scratch_.scores + common.begin, kKeyBlock}, values_from(common.begin),
                    common.end - common.begin, outputs, scratch_.value_stride,
                    scratch_.value_stride, true);
    }
    for (int i = 0; i < height; ++i) {
      multiply_row(outputs, i, {larger(spans[i].begin, common.end), spans[i].end});
    }
  }

  void multiply_row(float* outputs, int row, Span span) {
    if (span.begin >= span.end) return;
    strip<1>(Plain{scratch_.scores + row * kKeyBlock + span.begin, kKeyBlock},
             values_from(span.begin), span.end - span.begin, outputs + row * scratch_.value_stride,
             scratch_.value_stride, scratch_.value_stride, true);
  }

  Right values_from(std::ptrdiff_t key) const {
    return {scratch_.values + key * kPanel, kPanel, kKeyBlock * kPanel};
  }

  void finish_rows() {
    for (std::ptrdiff_t row = 0; row < scratch_.rows; ++row) {
      float* out =
          task_.out + query_of(row) * task_.out_stride + row % task_.group * task_.value_size;
      const float sum = scratch_.sums[row];
      const Vec total = splat(sum == 0.0f ? 1.0f : sum);  // nothing visible: the output is zero
      map(
          task_.value_size, out, [total](Vec a) { return a / total; },
          static_cast<const float*>(scratch_.outputs + row * scratch_.value_stride));
    }
  }

  const AttentionTask& task_;
  const AttentionScratch scratch_;
  const RowCut cut_;
};

inline void attention(const AttentionTask& task) {
  if (task.first < task.last) Attention(task).run();
}

}  // namespace quatrain::QUATRAIN_ISA
