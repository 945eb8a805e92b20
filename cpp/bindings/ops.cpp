// The kernels as functions of NumPy arrays: element by element and row by row. Products of matrices
// are in matrices.cpp, operations that know where sentences begin in sentences.cpp.
#include "bindings/ops.h"

#include "bindings/arrays.h"
#include "bindings/register.h"
#include "core/cpu.h"
#include "cpu/kernels.h"
#include "ops/activation.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/layer_norm.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/softmax.h"

namespace py = pybind11;
using namespace py::literals;

namespace quatrain {

namespace {

// x and y of the same shape, or y a vector along the last axis of x.
template <class Op>
py::array binary(const char* name, Op op, py::handle x_value, py::handle y_value, int threads) {
  threads = resolve_threads(threads);
  const FloatArray x(name, "x", x_value), y(name, "y", y_value);
  const bool vector = y.dimensions() == 1 && x.dimensions() >= 1 && y.columns() == x.columns();
  check(x.shape() == y.shape() || vector, name, "expected y of shape ", shape_text(x.shape()),
        " or a vector of its last axis, got ", shape_text(y.shape()));
  Output out(x.shape());
  {
    const Unlocked unlocked(x.rows().size() / 4);
    op(x.rows(), y.rows(), out.rows(), threads);
  }
  return out.take();
}

void register_activation(py::module_& m, const char* name, Activation kind) {
  m.def(
      name,
      [name, kind](py::handle value, int threads) {
        threads = resolve_threads(threads);
        const FloatArray x(name, "x", value);
        Output out(x.shape());
        {
          const Unlocked unlocked(x.rows().size());
          activate(kind, x.rows(), out.rows(), threads);
        }
        return out.take();
      },
      "x"_a, "threads"_a = 0);
}

py::array gated_array(py::handle gate_value, py::handle up_value, const std::string& activation,
                      int threads) {
  threads = resolve_threads(threads);
  const Activation kind = activation_from_name("gated", activation);
  const FloatArray gate("gated", "gate", gate_value, 1), up("gated", "up", up_value, 1);
  check(gate.shape() == up.shape(), "gated", "expected up of shape ", shape_text(gate.shape()),
        ", got ", shape_text(up.shape()));
  Output out(gate.shape());
  {
    const Unlocked unlocked(gate.rows().size());
    gated(kind, gate.rows(), up.rows(), out.rows(), threads);
  }
  return out.take();
}

py::array softmax_array(py::handle value, int threads) {
  threads = resolve_threads(threads);
  const FloatArray x("softmax", "x", value, 1);
  Output out(x.shape());
  {
    const Unlocked unlocked(x.rows().size());
    softmax(x.rows(), out.rows(), threads);
  }
  return out.take();
}

// The bias of a norm, which may be None.
struct OptionalVector {
  std::optional<FloatVector> vector;
  OptionalVector(const char* where, const char* name, py::handle value, std::ptrdiff_t size) {
    if (!value.is_none()) vector.emplace(where, name, value, size);
  }
  const float* data() const { return vector ? vector->data() : nullptr; }
};

py::array layer_norm_array(py::handle value, py::handle weight_value, py::handle bias_value,
                           float eps, int threads) {
  threads = resolve_threads(threads);
  const FloatArray x("layer_norm", "x", value, 1);
  const FloatVector weight("layer_norm", "weight", weight_value, x.columns());
  const OptionalVector bias("layer_norm", "bias", bias_value, x.columns());
  Output out(x.shape());
  {
    const Unlocked unlocked(x.rows().size() / 2);
    layer_norm(x.rows(), weight.data(), bias.data(), eps, out.rows(), threads);
  }
  return out.take();
}

py::array rms_norm_array(py::handle value, py::handle weight_value, float eps, std::ptrdiff_t heads,
                         int threads) {
  threads = resolve_threads(threads);
  const FloatArray x("rms_norm", "x", value, 1);
  const FloatVector weight("rms_norm", "weight", weight_value,
                           head_size("rms_norm", x.columns(), heads));
  Output out(x.shape());
  {
    const Unlocked unlocked(x.rows().size() / 2);
    rms_norm(x.rows(), weight.data(), heads, eps, out.rows(), threads);
  }
  return out.take();
}

void check_same(const char* where, const FloatArray& x, const FloatArray& y) {
  check(x.shape() == y.shape(), where, "expected y of shape ", shape_text(x.shape()), ", got ",
        shape_text(y.shape()));
}

py::tuple add_layer_norm_arrays(py::handle x_value, py::handle y_value, py::handle weight_value,
                                py::handle bias_value, float eps, int threads) {
  constexpr const char* where = "add_layer_norm";
  threads = resolve_threads(threads);
  const FloatArray x(where, "x", x_value, 1), y(where, "y", y_value, 1);
  check_same(where, x, y);
  const FloatVector weight(where, "weight", weight_value, x.columns());
  const OptionalVector bias(where, "bias", bias_value, x.columns());
  Output sum(x.shape()), out(x.shape());
  {
    const Unlocked unlocked(x.rows().size() / 2);
    add_layer_norm(x.rows(), y.rows(), weight.data(), bias.data(), eps, sum.rows(), out.rows(),
                   threads);
  }
  return py::make_tuple(sum.take(), out.take());
}

py::tuple add_rms_norm_arrays(py::handle x_value, py::handle y_value, py::handle weight_value,
                              float eps, int threads) {
  constexpr const char* where = "add_rms_norm";
  threads = resolve_threads(threads);
  const FloatArray x(where, "x", x_value, 1), y(where, "y", y_value, 1);
  check_same(where, x, y);
  const FloatVector weight(where, "weight", weight_value, x.columns());
  Output sum(x.shape()), out(x.shape());
  {
    const Unlocked unlocked(x.rows().size() / 2);
    add_rms_norm(x.rows(), y.rows(), weight.data(), eps, sum.rows(), out.rows(), threads);
  }
  return py::make_tuple(sum.take(), out.take());
}

py::array embedding_array(py::handle ids_value, py::handle weight_value, int threads) {
  threads = resolve_threads(threads);
  const IntArray ids("embedding", "ids", ids_value);
  const FloatArray weight("embedding", "weight", weight_value, 2);
  check(weight.dimensions() == 2, "embedding", "expected weight of shape (V, D), got ",
        shape_text(weight.shape()));
  Shape shape = ids.shape();
  shape.push_back(weight.columns());
  Output out(shape);
  {
    const Unlocked unlocked(out.rows().size() / 8);
    embedding(ids.data(), weight.rows(), {out.data(), ids.size(), weight.columns()}, threads);
  }
  return out.take();
}

py::array rope_array(py::handle value, py::handle cos_value, py::handle sin_value,
                     std::ptrdiff_t heads, bool interleaved, int threads) {
  threads = resolve_threads(threads);
  const FloatArray x("rope", "x", value, 1), cosines("rope", "cos", cos_value, 1),
      sines("rope", "sin", sin_value, 1);
  check(heads > 0 && x.columns() % heads == 0, "rope", "expected x of heads = ", heads,
        " equal parts, got shape ", shape_text(x.shape()));
  check(cosines.shape() == sines.shape(), "rope", "expected sin of shape ",
        shape_text(cosines.shape()), ", got ", shape_text(sines.shape()));
  check(cosines.rows().rows == x.rows().rows || x.rows().size() == 0, "rope",
        "expected a row of cos for each of ", x.rows().rows, " rows of x, got shape ",
        shape_text(cosines.shape()));
  check(2 * cosines.columns() <= x.columns() / heads, "rope", "cos of shape ",
        shape_text(cosines.shape()), " turns more than a head's ", x.columns() / heads, " values");
  Output out(x.shape());
  {
    const Unlocked unlocked(x.rows().size() / 4);
    if (x.rows().size() > 0) {
      rope(x.rows(), cosines.rows(), sines.rows(), heads, interleaved, out.rows(), threads);
    }
  }
  return out.take();
}

py::tuple rotary_arrays(py::handle positions_value, py::handle inv_freq_value, float scale,
                        int threads) {
  threads = resolve_threads(threads);
  const IntArray positions("rotary", "positions", positions_value);
  const FloatArray inv_freq("rotary", "inv_freq", inv_freq_value, 1);
  check(inv_freq.dimensions() == 1, "rotary", "expected inv_freq of shape (R / 2,), got ",
        shape_text(inv_freq.shape()));
  Shape shape = positions.shape();
  shape.push_back(inv_freq.columns());
  Output cosines(shape), sines(shape);
  {
    const Unlocked unlocked(cosines.rows().size() * 32);
    rotary(positions.data(), inv_freq.data(), scale, cosines.rows(), sines.rows(), threads);
  }
  return py::make_tuple(cosines.take(), sines.take());
}

}  // namespace

void register_ops(py::module_& m) {
  m.def("isa", [] { return isa_name(selected_isa()); }, "The instruction-set tier in use.");
  m.def("default_threads", &default_threads, "Cores that this process may use.");

  m.def(
      "add", [](py::handle x, py::handle y, int t) { return binary("add", add, x, y, t); }, "x"_a,
      "y"_a, "threads"_a = 0);
  m.def(
      "mul", [](py::handle x, py::handle y, int t) { return binary("mul", mul, x, y, t); }, "x"_a,
      "y"_a, "threads"_a = 0);
  register_activation(m, "gelu", Activation::kGelu);
  register_activation(m, "gelu_tanh", Activation::kGeluTanh);
  register_activation(m, "relu", Activation::kRelu);
  register_activation(m, "silu", Activation::kSilu);
  register_activation(m, "tanh", Activation::kTanh);
  register_activation(m, "sigmoid", Activation::kSigmoid);
  register_activation(m, "erf", Activation::kErf);
  register_activation(m, "exp", Activation::kExp);
  register_activation(m, "rsqrt", Activation::kRsqrt);
  m.def("gated", &gated_array, "gate"_a, "up"_a, "activation"_a, "threads"_a = 0);
  m.def("softmax", &softmax_array, "x"_a, "threads"_a = 0);
  m.def("layer_norm", &layer_norm_array, "x"_a, "weight"_a, "bias"_a, "eps"_a, "threads"_a = 0);
  m.def("rms_norm", &rms_norm_array, "x"_a, "weight"_a, "eps"_a, "heads"_a = 1, "threads"_a = 0);
  m.def("add_layer_norm", &add_layer_norm_arrays, "x"_a, "y"_a, "weight"_a, "bias"_a, "eps"_a,
        "threads"_a = 0);
  m.def("add_rms_norm", &add_rms_norm_arrays, "x"_a, "y"_a, "weight"_a, "eps"_a, "threads"_a = 0);
  m.def("embedding", &embedding_array, "ids"_a, "weight"_a, "threads"_a = 0);
  m.def("rope", &rope_array, "x"_a, "cos"_a, "sin"_a, "heads"_a, "interleaved"_a, "threads"_a = 0);
  m.def("rotary", &rotary_arrays, "positions"_a, "inv_freq"_a, "scale"_a = 1.0f, "threads"_a = 0);
  register_matrices(m);
  register_sentences(m);
  register_sampling(m);
}

}  // namespace quatrain
