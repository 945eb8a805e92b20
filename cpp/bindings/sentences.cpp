// Operations that know where sentences begin: attention, the cache, pooling.
#include "bindings/arrays.h"
#include "bindings/ops.h"
#include "core/cpu.h"
#include "ops/append_rows.h"
#include "ops/attention.h"
#include "ops/pool.h"
#include "ops/windows.h"

namespace py = pybind11;
using namespace py::literals;

namespace quatrain {

namespace {

py::array pool_array(py::handle value, py::handle starts_value, const std::string& kind,
                     int threads) {
  threads = resolve_threads(threads);
  const Pooling pooling = pooling_from_name(kind);
  const FloatArray x("pool", "x", value, 2);
  check(x.dimensions() == 2, "pool", "expected x of shape (N, D), got ", shape_text(x.shape()));
  const IntArray starts("pool", "starts", starts_value);
  const std::ptrdiff_t batch = check_starts("pool", "starts", starts, x.shape()[0]);
  Output out({batch, x.columns()});
  {
    const Unlocked unlocked(x.rows().size() / 4);
    pool(x.rows(), starts.data(), pooling, out.rows(), threads);
  }
  return out.take();
}

py::array windows_array(py::handle value, py::handle starts_value, std::ptrdiff_t size,
                        std::ptrdiff_t stride, int threads) {
  threads = resolve_threads(threads);
  const FloatArray x("windows", "x", value, 2);
  check(x.dimensions() == 2, "windows", "expected x of shape (N, D), got ", shape_text(x.shape()));
  const std::ptrdiff_t columns = windows_columns(x.columns(), size, stride);
  const IntArray starts("windows", "starts", starts_value);
  const std::ptrdiff_t batch = check_starts("windows", "starts", starts, x.shape()[0]);
  std::vector<std::int64_t> out_starts{0};
  for (std::ptrdiff_t b = 0; b < batch; ++b) {
    const std::int64_t count = starts.data()[b + 1] - starts.data()[b];
    out_starts.push_back(out_starts.back() + (count + stride - 1) / stride);
  }
  Output out({static_cast<py::ssize_t>(out_starts.back()), columns});
  {
    const Unlocked unlocked(out.rows().size() / 8);
    windows(x.rows(), starts.data(), out_starts.data(), batch, size, stride, out.rows(), threads);
  }
  return out.take();
}

py::array l2_normalize_array(py::handle value, int threads) {
  threads = resolve_threads(threads);
  const FloatArray x("l2_normalize", "x", value, 1);
  Output out(x.shape());
  {
    const Unlocked unlocked(x.rows().size() / 4);
    l2_normalize(x.rows(), out.rows(), threads);
  }
  return out.take();
}

void append_rows_array(py::handle cache_value, py::handle rows_value, py::handle starts_value,
                       py::handle past_value, std::ptrdiff_t heads, int threads) {
  constexpr const char* where = "append_rows";
  threads = resolve_threads(threads);
  const TargetArray cache(where, "cache", cache_value);
  check(cache.shape().size() == 3, where, "expected cache of shape (B, C, W), got ",
        shape_text(cache.shape()));
  const std::ptrdiff_t batch = cache.shape()[0], capacity = cache.shape()[1],
                       columns = cache.shape()[2];
  check(!cache.quantized() || (heads > 0 && heads <= columns), where,
        "expected a cache with a scale for each of its heads, got ", heads, " heads and ", columns,
        " columns of int8");
  const std::ptrdiff_t width = columns - (cache.quantized() ? heads * kScaleColumns : 0);
  const FloatArray rows(where, "rows", rows_value, 2);
  check(rows.dimensions() == 2 && rows.columns() == width, where, "expected rows of shape (N, ",
        width, "), got ", shape_text(rows.shape()));
  cache.expect_apart(where, "rows", rows.rows());
  const IntArray starts(where, "starts", starts_value), past(where, "past", past_value);
  check_starts(where, "starts", starts.expect(where, "starts", batch + 1), rows.shape()[0]);
  past.expect(where, "past", batch);
  const Unlocked unlocked(rows.rows().size() / 8);
  if (cache.quantized()) {
    append_rows({cache.data<std::int8_t>(), batch * capacity, columns}, heads, batch, capacity,
                rows.rows(), starts.data(), past.data(), threads);
  } else {
    append_rows({cache.data<float>(), batch * capacity, columns}, batch, capacity, rows.rows(),
                starts.data(), past.data(), threads);
  }
}

// The arguments that attention and attention_weights share.
struct AttentionArguments {
  const char* where;
  FloatArray q;
  CacheArray k;
  IntArray q_start, k_start, k_length, past;
  std::vector<FloatArray> bias_arrays;
  std::vector<AttentionBias> biases;
  std::optional<FloatVector> sinks;
  AttentionOptions options;
  AttentionLayout layout;

  AttentionArguments(const char* where_, py::handle q_, py::handle k_, py::handle q_start_,
                     py::handle k_start_, py::handle k_length_, py::handle past_)
      : where(where_),
        q(where, "q", q_, 2),
        k(where, "k_rows", k_),
        q_start(where, "q_start", q_start_),
        k_start(where, "k_start", k_start_),
        k_length(where, "k_length", k_length_),
        past(where, "past", past_) {
    check(q.dimensions() == 2 && k.shape().size() == 2, where,
          "expected q and k_rows with two axes, got ", shape_text(q.shape()), " and ",
          shape_text(k.shape()));
    layout.batch = check_starts(where, "q_start", q_start, q.shape()[0]);
    layout.q_start = q_start.data();
    layout.k_start = k_start.expect(where, "k_start", layout.batch).data();
    layout.k_length = k_length.expect(where, "k_length", layout.batch).data();
    layout.past = past.expect(where, "past", layout.batch).data();
  }

  void set_options(std::ptrdiff_t heads, std::ptrdiff_t kv_heads, float scale, bool causal,
                   std::optional<std::ptrdiff_t> window, std::optional<float> softcap) {
    check(!window || *window >= 1, where, "expected window >= 1 or None, got ", window.value_or(0));
    check(!softcap || *softcap > 0, where, "expected softcap > 0 or None, got ",
          softcap.value_or(0));
    options = {heads, kv_heads, scale, softcap.value_or(0.0f), causal, window.value_or(0)};
  }

  void set_sinks(py::handle value) {
    if (value.is_none()) return;
    sinks.emplace(where, "sinks", value, options.heads);
    options.sinks = sinks->data();
  }

  void set_bias(const std::optional<std::vector<py::object>>& list) {
    if (!list) return;
    check(static_cast<std::ptrdiff_t>(list->size()) == layout.batch, where, "expected ",
          layout.batch, " biases, one per sentence, got ", list->size());
    bias_arrays.reserve(list->size());
    for (std::size_t b = 0; b < list->size(); ++b) {
      const FloatArray& bias = bias_arrays.emplace_back(where, "bias", (*list)[b], 3);
      const Shape& shape = bias.shape();
      const py::ssize_t queries = q_start.data()[b + 1] - q_start.data()[b];
      const bool fits = shape.size() == 3 && (shape[0] == options.heads || shape[0] == 1) &&
                        shape[1] == queries && shape[2] == k_length.data()[b];
      check(fits, where, "expected bias of sentence ", b, " of shape ",
            shape_text({options.heads, queries, k_length.data()[b]}), " (or 1 head), got ",
            shape_text(shape));
      const ConstRows& rows = bias.rows();
      biases.push_back({rows.data, shape[0], rows.stride * queries, rows.stride});
    }
    layout.bias = biases.data();
  }

  std::ptrdiff_t work() const {
    std::ptrdiff_t pairs = 0;
    for (std::ptrdiff_t b = 0; b < layout.batch; ++b) {
      pairs += (layout.q_start[b + 1] - layout.q_start[b]) * layout.k_length[b];
    }
    return pairs * q.columns() / 8;
  }
};

using Bias = std::optional<std::vector<py::object>>;

py::array attention_array(py::handle q, py::handle k, py::handle v_value, py::handle q_start,
                          py::handle k_start, py::handle k_length, py::handle past,
                          std::ptrdiff_t heads, std::ptrdiff_t kv_heads, float scale, bool causal,
                          std::optional<std::ptrdiff_t> window, std::optional<float> softcap,
                          const Bias& bias, py::handle sinks, int threads) {
  constexpr const char* where = "attention";
  threads = resolve_threads(threads);
  AttentionArguments given(where, q, k, q_start, k_start, k_length, past);
  given.set_options(heads, kv_heads, scale, causal, window, softcap);
  given.set_bias(bias);
  given.set_sinks(sinks);
  const CacheArray v(where, "v_rows", v_value);
  const CacheRows& values = v.rows();
  check(v.shape().size() == 2, where, "expected v_rows with two axes, got ", shape_text(v.shape()));
  check_attention(where, given.q.rows(), given.k.rows(), &values, given.layout, given.options);
  const std::ptrdiff_t value_columns = values.value_columns(kv_heads);
  Output out({given.q.shape()[0], attended_columns(where, value_columns, given.options)});
  {
    const Unlocked unlocked(given.work());
    attention(given.q.rows(), given.k.rows(), values, given.layout, given.options, out.rows(),
              threads);
  }
  return out.take();
}

py::tuple attention_weights_arrays(py::handle q, py::handle k, py::handle q_start,
                                   py::handle k_start, py::handle k_length, py::handle past,
                                   std::ptrdiff_t heads, std::ptrdiff_t kv_heads, float scale,
                                   bool causal, std::optional<std::ptrdiff_t> window,
                                   std::optional<float> softcap, const Bias& bias, py::handle sinks,
                                   int threads) {
  constexpr const char* where = "attention_weights";
  threads = resolve_threads(threads);
  AttentionArguments given(where, q, k, q_start, k_start, k_length, past);
  given.set_options(heads, kv_heads, scale, causal, window, softcap);
  given.set_bias(bias);
  given.set_sinks(sinks);
  const ConstRows keys = given.k.floats(where, "k_rows");
  check_attention(where, given.q.rows(), keys, nullptr, given.layout, given.options);
  py::list scores, weights;
  std::vector<float*> score_data, weight_data;
  for (std::ptrdiff_t b = 0; b < given.layout.batch; ++b) {
    const Shape shape{heads, given.layout.q_start[b + 1] - given.layout.q_start[b],
                      given.layout.k_length[b]};
    Output score(shape), weight(shape);
    score_data.push_back(score.data());
    weight_data.push_back(weight.data());
    scores.append(score.take());
    weights.append(weight.take());
  }
  {
    const Unlocked unlocked(8 * given.work());
    attention_weights(given.q.rows(), keys, given.layout, given.options, score_data, weight_data,
                      threads);
  }
  return py::make_tuple(scores, weights);
}

}  // namespace

void register_sentences(py::module_& m) {
  m.def("pool", &pool_array, "x"_a, "starts"_a, "kind"_a, "threads"_a = 0);
  m.def("windows", &windows_array, "x"_a, "starts"_a, "size"_a, "stride"_a = 1, "threads"_a = 0);
  m.def("l2_normalize", &l2_normalize_array, "x"_a, "threads"_a = 0);
  m.def("append_rows", &append_rows_array, "cache"_a, "rows"_a, "starts"_a, "past"_a, "heads"_a = 1,
        "threads"_a = 0);
  m.def("attention", &attention_array, "q"_a, "k_rows"_a, "v_rows"_a, "q_start"_a, "k_start"_a,
        "k_length"_a, "past"_a, py::kw_only(), "heads"_a, "kv_heads"_a, "scale"_a, "causal"_a,
        "window"_a = py::none(), "softcap"_a = py::none(), "bias"_a = py::none(),
        "sinks"_a = py::none(), "threads"_a = 0);
  m.def("attention_weights", &attention_weights_arrays, "q"_a, "k_rows"_a, "q_start"_a, "k_start"_a,
        "k_length"_a, "past"_a, py::kw_only(), "heads"_a, "kv_heads"_a, "scale"_a, "causal"_a,
        "window"_a = py::none(), "softcap"_a = py::none(), "bias"_a = py::none(),
        "sinks"_a = py::none(), "threads"_a = 0);
}

}  // namespace quatrain
