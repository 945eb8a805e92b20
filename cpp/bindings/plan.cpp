// Plans: the operations of ops.cpp, matrices.cpp and sentences.cpp by the same names, on values
// that have no numbers yet; and passes over them.
#include "plan/plan.h"

#include <deque>

#include "bindings/arrays.h"
#include "bindings/ops.h"
#include "core/cpu.h"
#include "ops/activation.h"

namespace py = pybind11;
using namespace py::literals;

namespace quatrain {

namespace {

// A plan, and what it reads.
class Recorded {
 public:
  Plan plan;

  const PackedWeight& weight(const py::object& packed) {
    owners_.push_back(packed);
    return packed.cast<const PackedWeight&>();
  }
  ConstRows table(const char* where, const char* name, py::handle value) {
    const FloatArray& table = arrays_.emplace_back(where, name, value, 2);
    check(table.dimensions() == 2, where, "expected ", name, " of shape (N, D), got ",
          shape_text(table.shape()));
    return table.rows();
  }
  const float* vector(const char* where, const char* name, py::handle value,
                      std::ptrdiff_t columns) {
    if (value.is_none()) return nullptr;
    const FloatArray& vector = arrays_.emplace_back(where, name, value, 1);
    check(vector.dimensions() == 1 && vector.columns() == columns, where, "expected ", name,
          " of shape ", shape_text({columns}), ", got ", shape_text(vector.shape()));
    return vector.data();
  }

 private:
  std::vector<py::object> owners_;
  std::vector<FloatArray> arrays_;
};

Per per_row_of(std::ptrdiff_t stride) {
  check(stride >= 1 && stride <= kMostTokens, "plan", "expected a stride of at least 1, got ",
        stride);
  return every(Per::kToken, stride);
}

py::tuple pair(const Plan::Sum& values) { return py::make_tuple(values.sum, values.normed); }

// attention(...) on other arguments: Values, or a slot and Values.
template <class... Arguments, class... Names>
void define_attention(py::class_<Recorded>& plan, const Names&... names) {
  plan.def(
      "attention",
      [](Recorded& r, Arguments... arguments, std::ptrdiff_t heads, std::ptrdiff_t kv_heads,
         float scale, bool causal, std::optional<std::ptrdiff_t> window,
         std::optional<float> softcap, std::optional<Bias> bias, py::handle sinks) {
        const AttentionOptions options{heads,
                                       kv_heads,
                                       scale,
                                       softcap.value_or(0.0f),
                                       causal,
                                       window.value_or(0),
                                       r.vector("attention", "sinks", sinks, heads)};
        return r.plan.attention(arguments..., options, bias);
      },
      names..., py::kw_only(), "heads"_a, "kv_heads"_a, "scale"_a, "causal"_a = false,
      "window"_a = py::none(), "softcap"_a = py::none(), "bias"_a = py::none(),
      "sinks"_a = py::none());
}

// What a pass is given, and what keeps it alive.
class Pass {
 public:
  Given given;

  Pass(py::handle lengths_value, py::handle past) : past_("plan", "past", past) {
    const IntArray lengths("plan", "lengths", lengths_value);
    given.batch = lengths.size();
    given.past = past_.expect("plan", "past", given.batch).data();
    starts_.push_back(0);
    for (std::ptrdiff_t b = 0; b < given.batch; ++b) {
      const std::int64_t count = lengths.data()[b];
      check(count >= 0, "plan", "expected lengths >= 0, got ", count);
      check(count <= kMostTokens - starts_.back(), "plan", "expected at most ", kMostTokens,
            " tokens, got ", count, " behind ", starts_.back());
      check(given.past[b] >= 0 && given.past[b] <= kMostTokens, "plan",
            "expected past >= 0 and <= ", kMostTokens, ", got ", given.past[b]);
      starts_.push_back(starts_.back() + count);
    }
    given.starts = starts_.data();
  }

  void ids(const py::sequence& lists) {
    for (const py::object list : lists) {
      given.ids.push_back(
          ids_.emplace_back("plan", "ids", list).expect("plan", "ids", given.tokens()).data());
    }
  }

  void rows(const py::sequence& lists) {
    for (const py::object list : lists) {
      const FloatArray& rows = arrays_.emplace_back("plan", "rows", list, 2);
      check(rows.dimensions() == 2 && rows.rows().contiguous(), "plan",
            "expected C-contiguous rows of shape (N, D), got ", shape_text(rows.shape()));
      given.rows.push_back(rows.rows());
    }
  }

  void caches(const py::sequence& caches) {
    for (const py::object cache : caches) {
      const py::sequence both(cache);
      const auto keys = rows_of_cache(both[0]), values = rows_of_cache(both[1]);
      check(keys.second == values.second, "plan", "expected keys and values of one capacity");
      given.caches.push_back({keys.first, values.first, keys.second});
    }
  }

  void sources(const py::sequence& sources) {
    for (const py::object source : sources) {
      const py::sequence parts(source);
      const auto rows = [&](std::size_t i) {
        return arrays_.emplace_back("plan", "source", parts[i], 2).rows();
      };
      const auto integers = [&](std::size_t i) {
        return sources_.emplace_back("plan", "source", parts[i])
            .expect("plan", "source", given.batch)
            .data();
      };
      const ConstRows keys = rows(0), values = rows(1);
      const std::int64_t* first = integers(2);
      given.sources.push_back({keys, values, first, integers(3)});
    }
  }

 private:
  // [B, C, W] as rows, and C.
  std::pair<Cache::Rows, std::ptrdiff_t> rows_of_cache(const py::object& value) {
    const TargetArray& cache = caches_.emplace_back("plan", "cache", value);
    const Shape& shape = cache.shape();
    check(shape.size() == 3 && shape[0] == given.batch, "plan", "expected cache of shape (",
          given.batch, ", C, W), got ", shape_text(shape));
    const std::ptrdiff_t rows = shape[0] * shape[1];
    if (cache.quantized()) return {Int8Rows(cache.data<std::int8_t>(), rows, shape[2]), shape[1]};
    return {MutableRows(cache.data<float>(), rows, shape[2]), shape[1]};
  }

  std::vector<std::int64_t> starts_;
  IntArray past_;
  std::deque<IntArray> ids_, sources_;
  std::deque<FloatArray> arrays_;
  std::deque<TargetArray> caches_;
};

py::list run(const Recorded& recorded, Arena& arena, py::handle lengths, py::handle past,
             const py::sequence& ids, const py::sequence& caches, const py::sequence& sources,
             const py::sequence& rows, int threads) {
  threads = resolve_threads(threads);
  Pass pass(lengths, past);
  pass.ids(ids);
  pass.caches(caches);
  pass.sources(sources);
  pass.rows(rows);
  py::list made;
  for (const Value& x : recorded.plan.results()) {
    Output out({pass.given.rows_of(x.per), x.columns});
    pass.given.results.push_back(out.rows());
    made.append(out.take());
  }
  {
    const py::gil_scoped_release release;
    recorded.plan.run(pass.given, arena, threads);
  }
  return made;
}

void register_values(py::module_& m) {
  py::class_<Value>(m, "Value", "A value of a plan: columns for each token or each sentence.")
      .def_property_readonly("shape",
                             [](const Value& x) {
                               return py::make_tuple(x.per == Per::kSentence ? "B" : "N",
                                                     x.columns);
                             })
      .def_property_readonly("ndim", [](const Value&) { return 2; });
  py::class_<Ids>(m, "Ids", "Whole numbers that a pass is given, one for each token.");
  py::class_<Bias>(m, "Bias", "A bias of the scores by the distance from query to key.");
  py::class_<CacheSlot>(m, "CacheSlot", "Keys and values that a pass extends.");
  py::class_<SourceSlot>(m, "SourceSlot", "Keys and values of a source.");
  py::class_<Arena>(m, "Arena", "The memory of one pass at a time.")
      .def(py::init<>())
      .def_property_readonly("nbytes", &Arena::bytes);
}

}  // namespace

void register_plan(py::module_& m) {
  register_values(m);
  py::class_<Recorded> plan(m, "Plan", "Operations recorded once, to be run again and again.");
  plan.def(py::init<>())
      .def("ids", [](Recorded& r) { return r.plan.ids(); })
      .def(
          "rows", [](Recorded& r, std::ptrdiff_t columns) { return r.plan.rows(columns); },
          "columns"_a)
      .def(
          "positions",
          [](Recorded& r, std::int64_t start, std::ptrdiff_t stride) {
            return r.plan.positions(start, per_row_of(stride));
          },
          "start"_a = 0, "stride"_a = 1)
      .def("cache", [](Recorded& r) { return r.plan.cache(); })
      .def("source", [](Recorded& r) { return r.plan.source(); })
      .def(
          "result", [](Recorded& r, Value x) { return r.plan.result(x); }, "x"_a)
      .def(
          "nbytes",
          [](const Recorded& r, std::ptrdiff_t tokens, std::ptrdiff_t sentences) {
            return r.plan.bytes(tokens, sentences);
          },
          "tokens"_a, "sentences"_a)
      .def(
          "result_nbytes",
          [](const Recorded& r, std::ptrdiff_t tokens, std::ptrdiff_t sentences) {
            return r.plan.result_bytes(tokens, sentences);
          },
          "tokens"_a, "sentences"_a)
      .def("run", &run, "arena"_a, "lengths"_a, "past"_a, "ids"_a, "caches"_a, "sources"_a,
           "rows"_a = py::tuple(), "threads"_a = 0);

  plan.def(
          "embedding",
          [](Recorded& r, Ids ids, const py::object& weight) {
            return py::isinstance<PackedWeight>(weight)
                       ? r.plan.embedding(ids, r.weight(weight))
                       : r.plan.embedding(ids, r.table("embedding", "weight", weight));
          },
          "ids"_a, "weight"_a)
      .def(
          "linear",
          [](Recorded& r, Value x, const py::object& packed, py::handle bias,
             const std::string& activation) {
            const PackedWeight& weight = r.weight(packed);
            return r.plan.linear(x, weight, r.vector("linear", "bias", bias, weight.n()),
                                 activation_from_name("linear", activation));
          },
          "x"_a, "weight"_a, "bias"_a = py::none(), "activation"_a = "none");
  for (const auto& [name, kind] : {std::pair{"gelu", Activation::kGelu},
                                   {"gelu_tanh", Activation::kGeluTanh},
                                   {"relu", Activation::kRelu},
                                   {"silu", Activation::kSilu},
                                   {"tanh", Activation::kTanh},
                                   {"sigmoid", Activation::kSigmoid},
                                   {"erf", Activation::kErf},
                                   {"rsqrt", Activation::kRsqrt}}) {
    plan.def(name, [kind = kind](Recorded& r, Value x) { return r.plan.activate(kind, x); }, "x"_a);
  }
  plan.def(
          "gated",
          [](Recorded& r, Value gate, Value up, const std::string& activation) {
            return r.plan.gated(activation_from_name("gated", activation), gate, up);
          },
          "gate"_a, "up"_a, "activation"_a)
      .def(
          "add", [](Recorded& r, Value x, Value y) { return r.plan.add(x, y); }, "x"_a, "y"_a)
      .def(
          "add",
          [](Recorded& r, Value x, py::handle y) {
            return r.plan.add(x, r.vector("add", "y", y, x.columns));
          },
          "x"_a, "y"_a.none(false))
      .def(
          "mul", [](Recorded& r, Value x, Value y) { return r.plan.mul(x, y); }, "x"_a, "y"_a)
      .def(
          "mul",
          [](Recorded& r, Value x, py::handle y) {
            return r.plan.mul(x, r.vector("mul", "y", y, x.columns));
          },
          "x"_a, "y"_a.none(false))
      .def(
          "layer_norm",
          [](Recorded& r, Value x, py::handle weight, py::handle bias, float eps) {
            return r.plan.layer_norm(x, r.vector("layer_norm", "weight", weight, x.columns),
                                     r.vector("layer_norm", "bias", bias, x.columns), eps);
          },
          "x"_a, "weight"_a.none(false), "bias"_a, "eps"_a)
      .def(
          "rms_norm",
          [](Recorded& r, Value x, py::handle weight, float eps, std::ptrdiff_t heads) {
            const std::ptrdiff_t size = head_size("rms_norm", x.columns, heads);
            return r.plan.rms_norm(x, r.vector("rms_norm", "weight", weight, size), heads, eps);
          },
          "x"_a, "weight"_a.none(false), "eps"_a, "heads"_a = 1)
      .def(
          "add_layer_norm",
          [](Recorded& r, Value x, Value y, py::handle weight, py::handle bias, float eps) {
            constexpr const char* where = "add_layer_norm";
            return pair(r.plan.add_layer_norm(x, y, r.vector(where, "weight", weight, x.columns),
                                              r.vector(where, "bias", bias, x.columns), eps));
          },
          "x"_a, "y"_a, "weight"_a.none(false), "bias"_a, "eps"_a)
      .def(
          "add_rms_norm",
          [](Recorded& r, Value x, Value y, py::handle weight, float eps) {
            constexpr const char* where = "add_rms_norm";
            return pair(
                r.plan.add_rms_norm(x, y, r.vector(where, "weight", weight, x.columns), eps));
          },
          "x"_a, "y"_a, "weight"_a.none(false), "eps"_a)
      .def(
          "softmax", [](Recorded& r, Value x) { return r.plan.softmax(x); }, "x"_a)
      .def(
          "rope",
          [](Recorded& r, Value x, Value cosines, Value sines, std::ptrdiff_t heads,
             bool interleaved) { return r.plan.rope(x, cosines, sines, heads, interleaved); },
          "x"_a, "cos"_a, "sin"_a, "heads"_a, "interleaved"_a)
      .def(
          "rotary",
          [](Recorded& r, py::handle inv_freq, float scale, std::int64_t limit,
             std::ptrdiff_t stride) {
            const ConstRows frequencies = r.table("rotary", "inv_freq", inv_freq);
            const Plan::Angles angles =
                r.plan.rotary(frequencies, scale, limit, per_row_of(stride));
            return py::make_tuple(angles.cosines, angles.sines);
          },
          "inv_freq"_a.none(false), "scale"_a, "limit"_a = 0, "stride"_a = 1)
      .def(
          "relative_bias",
          [](Recorded& r, py::handle by_distance) {
            return r.plan.relative_bias(r.table("relative_bias", "by_distance", by_distance));
          },
          "by_distance"_a)
      .def(
          "windows",
          [](Recorded& r, Value x, std::ptrdiff_t size, std::ptrdiff_t stride) {
            return r.plan.windows(x, size, stride);
          },
          "x"_a, "size"_a, "stride"_a)
      .def(
          "pool",
          [](Recorded& r, Value x, const std::string& kind) {
            return r.plan.pool(x, pooling_from_name(kind));
          },
          "x"_a, "kind"_a)
      .def(
          "l2_normalize", [](Recorded& r, Value x) { return r.plan.l2_normalize(x); }, "x"_a)
      .def(
          "concat",
          [](Recorded& r, const std::vector<Value>& parts) { return r.plan.concat(parts); },
          "parts"_a)
      .def_static("columns", &Plan::columns, "x"_a, "first"_a, "count"_a);
  define_attention<Value, Value, Value>(plan, "q"_a, "k"_a, "v"_a);
  define_attention<CacheSlot, Value, Value, Value>(plan, "cache"_a, "q"_a, "k"_a, "v"_a);
  define_attention<SourceSlot, Value, std::ptrdiff_t>(plan, "source"_a, "q"_a, "value_columns"_a);
}

}  // namespace quatrain
