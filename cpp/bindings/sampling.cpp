// Choosing the next token.
#include "ops/sampling.h"

#include <tuple>

#include "bindings/arrays.h"
#include "bindings/ops.h"
#include "core/cpu.h"
#include "core/exclusive.h"
#include "ops/likeliest.h"

namespace py = pybind11;
using namespace py::literals;

namespace quatrain {

namespace {

// A sampler, which one call at a time may use.
struct OneSampler {
  Sampler sampler;
  Exclusive exclusive;

  struct Held {
    Exclusive::Use use;
    Sampler* sampler;
    Sampler* operator->() const { return sampler; }
  };
  Held held() { return {{exclusive, "sampler", "a sampler"}, &sampler}; }
};

const float* vector_of(const FloatArray& logits) {
  check(logits.dimensions() == 1, "sampler", "expected logits of shape (V,), got ",
        shape_text(logits.shape()));
  return logits.data();
}

std::int64_t choose(OneSampler& one, py::handle value, double uniform) {
  const FloatArray logits("sampler", "logits", value);
  const float* data = vector_of(logits);
  const Unlocked unlocked(logits.columns());
  return one.held()->choose(data, logits.columns(), uniform);
}

py::tuple likelihood(OneSampler& one, py::handle value, std::int64_t id, std::ptrdiff_t top) {
  const FloatArray logits("sampler", "logits", value);
  const auto found = one.held()->likelihoods(vector_of(logits), logits.columns(), id, top);
  py::tuple likeliest(found.size() - 1);
  for (std::size_t i = 1; i < found.size(); ++i) {
    likeliest[i - 1] = py::make_tuple(found[i].id, found[i].logprob);
  }
  return py::make_tuple(found[0].logprob, likeliest);
}

ConstRows rows_of(const char* where, const FloatArray& logits) {
  check(logits.dimensions() == 2, where, "expected logits of shape (B, V), got ",
        shape_text(logits.shape()));
  return logits.rows();
}

std::vector<double> log_sums(py::handle value, int threads) {
  threads = resolve_threads(threads);
  const FloatArray logits("log_sum_exp", "logits", value, 2);
  const ConstRows rows = rows_of("log_sum_exp", logits);
  const Unlocked unlocked(rows.size());
  return log_sum_exp(rows, threads);
}

py::list continuations(py::handle value, const std::vector<double>& offsets, std::ptrdiff_t count,
                       int threads) {
  threads = resolve_threads(threads);
  const FloatArray logits("likeliest", "logits", value, 2);
  const ConstRows rows = rows_of("likeliest", logits);
  std::vector<Continuation> found;
  {
    const Unlocked unlocked(rows.size() / 8);
    found = likeliest(rows, offsets, count, threads);
  }
  py::list made;
  for (const Continuation& x : found) made.append(py::make_tuple(x.row, x.id, x.score));
  return made;
}

}  // namespace

void register_sampling(py::module_& m) {
  py::class_<OneSampler>(m, "Sampler", "Chooses the tokens of one text; for one thread at a time.")
      .def(py::init([](double temperature, std::ptrdiff_t top_k, double top_p, double min_p,
                       double repetition_penalty, double presence_penalty,
                       double frequency_penalty) {
             const SamplingOptions options{
                 temperature,      top_k, top_p, min_p, repetition_penalty, presence_penalty,
                 frequency_penalty};
             return std::unique_ptr<OneSampler>(new OneSampler{Sampler(options), {}});
           }),
           py::kw_only(), "temperature"_a = 1.0, "top_k"_a = 0, "top_p"_a = 1.0, "min_p"_a = 0.0,
           "repetition_penalty"_a = 1.0, "presence_penalty"_a = 0.0, "frequency_penalty"_a = 0.0)
      .def(
          "read",
          [](OneSampler& one, py::handle value) {
            const IntArray ids("sampler", "ids", value);
            one.held()->read(ids.data(), ids.size());
          },
          "ids"_a)
      .def(
          "wrote", [](OneSampler& one, std::int64_t id) { one.held()->wrote(id); }, "id"_a)
      .def("choose", &choose, "logits"_a, "uniform"_a)
      .def("likelihood", &likelihood, "logits"_a, "id"_a, "top"_a);
  m.def("uniform", &uniform, "seed"_a, "step"_a);
  m.def("log_sum_exp", &log_sums, "logits"_a, "threads"_a = 0);
  m.def("likeliest", &continuations, "logits"_a, "offsets"_a, "count"_a, "threads"_a = 0);
}

}  // namespace quatrain
