// PackedWeight and linear.
#include <cstring>

#include "bindings/arrays.h"
#include "bindings/ops.h"
#include "core/cpu.h"
#include "core/pages.h"
#include "ops/linear.h"

namespace py = pybind11;
using namespace py::literals;

namespace quatrain {

namespace {

WeightType weight_type(const py::array& weight, bool bfloat16) {
  const py::dtype type = weight.dtype();
  const bool native = type.byteorder() == '=' || type.byteorder() == '|';
  if (bfloat16) {
    check(native && type.kind() == 'u' && type.itemsize() == 2, "pack",
          "expected bfloat16 values as uint16, got dtype ", py::str(type).cast<std::string>());
    return WeightType::kBfloat16;
  }
  check(native && type.kind() == 'f' && (type.itemsize() == 4 || type.itemsize() == 2), "pack",
        "expected weight of float32 or float16, got dtype ", py::str(type).cast<std::string>());
  return type.itemsize() == 4 ? WeightType::kFloat32 : WeightType::kFloat16;
}

constexpr std::pair<const char*, Packing> kPackings[] = {
    {"float32", Packing::kFloat32},   {"float16", Packing::kFloat16},
    {"bfloat16", Packing::kBfloat16}, {"int8", Packing::kInt8},
    {"int4", Packing::kInt4},         {"q8_0", Packing::kQ8_0},
    {"q4_0", Packing::kQ4_0},         {"q4_1", Packing::kQ4_1}};
constexpr std::pair<const char*, BlockType> kBlockTypes[] = {{"Q8_0", BlockType::kQ8_0},
                                                             {"Q4_0", BlockType::kQ4_0},
                                                             {"Q4_1", BlockType::kQ4_1},
                                                             {"Q5_0", BlockType::kQ5_0},
                                                             {"Q4_K", BlockType::kQ4_K}};

// What `name` names in a table.
template <class Table>
auto named(const Table& table, const char* what, const std::string& wanted) {
  std::string names;
  for (const auto& [name, value] : table) {
    if (wanted == name) return value;
    names += names.empty() ? name : std::string(", ") + name;
  }
  fail("pack", "expected a ", what, " among ", names, ", got ", wanted);
}
Packing packing_from_name(const std::string& wanted) { return named(kPackings, "dtype", wanted); }

const char* packing_name(Packing wanted) {
  for (const auto& [name, packing] : kPackings) {
    if (wanted == packing) return name;
  }
  return "";
}

std::unique_ptr<PackedWeight> pack(py::array weight, const std::string& dtype, bool bfloat16,
                                   std::ptrdiff_t block, bool zero_points, int threads) {
  threads = resolve_threads(threads);
  const Packing packing = packing_from_name(dtype);
  const WeightType type = weight_type(weight, bfloat16);
  check(weight.ndim() == 2, "pack", "expected weight of shape (N, K), got ",
        shape_text({weight.shape(), weight.shape() + weight.ndim()}));
  const py::ssize_t unit = weight.itemsize();
  if (weight.strides(0) % unit != 0 || weight.strides(1) % unit != 0 ||
      (weight.flags() & kAligned) == 0) {
    weight = whole(weight);
  }
  const WeightView view{
      weight.data(),           type, weight.shape(0), weight.shape(1), weight.strides(0) / unit,
      weight.strides(1) / unit};
  const Unlocked unlocked(view.n * view.k);
  return std::make_unique<PackedWeight>(view, packing, block, zero_points, threads);
}

std::unique_ptr<PackedWeight> pack_file_blocks(py::array rows, const std::string& type_name,
                                               int threads) {
  threads = resolve_threads(threads);
  const BlockType type = named(kBlockTypes, "type", type_name);
  check(rows.dtype().equal(py::dtype::of<std::uint8_t>()) && rows.ndim() == 2, "pack",
        "expected blocks as uint8 of shape (N, bytes), got ",
        py::str(rows.dtype()).cast<std::string>(), " of shape ",
        shape_text({rows.shape(), rows.shape() + rows.ndim()}));
  const std::ptrdiff_t bytes = block_bytes(type);
  check(rows.shape(1) % bytes == 0, "pack", "expected rows of blocks of ", bytes, " bytes, got ",
        rows.shape(1), " bytes");
  if (rows.strides(1) != 1) rows = whole(rows);
  const BlocksView view{static_cast<const std::uint8_t*>(rows.data()), type, rows.shape(0),
                        rows.shape(1) / bytes * block_values(type), rows.strides(0)};
  const Unlocked unlocked(view.n * view.k);
  return std::make_unique<PackedWeight>(view, threads);
}

py::dtype type_of(const PartForm& form) {
  const std::string name = form.type;
  return py::dtype(name == "bfloat16" ? "uint16" : name);
}

// The parts by name, each flat as it lies, owned by the weight.
py::dict parts(const py::object& self) {
  const auto& weight = self.cast<const PackedWeight&>();
  const auto forms =
      PackedWeight::forms(weight.k(), weight.packing(), weight.block(), weight.zero_points());
  const Part* const memory[] = {&weight.values(), &weight.scales(), &weight.extra()};
  py::dict found;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const PartForm& form = forms[i];
    if (*form.name == '\0') continue;
    const py::dtype type = type_of(form);
    const auto size = static_cast<py::ssize_t>(memory[i]->bytes) / type.itemsize();
    py::array part(type, py::array::ShapeContainer{size}, memory[i]->data.get(), self);
    part.attr("setflags")("write"_a = false);
    found[form.name] = part;
  }
  return found;
}

// Memory of an array, which stays; a copy if it is not aligned.
Part shared(py::array array) {
  const auto bytes = static_cast<std::size_t>(array.nbytes());
  const void* const data = array.data();
  if (reinterpret_cast<std::uintptr_t>(data) % 64 != 0) {
    const auto pages = std::make_shared<const Pages>(bytes);
    if (bytes != 0) std::memcpy(pages->data(), data, bytes);
    return {{pages, pages->data()}, bytes};
  }
  PyObject* const owner = array.release().ptr();
  const auto release = [owner](const void*) {
    const py::gil_scoped_acquire gil;
    Py_DECREF(owner);
  };
  return {{data, release}, bytes};
}

std::unique_ptr<PackedWeight> from_parts(std::pair<std::ptrdiff_t, std::ptrdiff_t> shape,
                                         const std::string& dtype, const py::dict& given,
                                         std::ptrdiff_t block, bool zero_points) {
  const auto [n, k] = shape;
  const Packing packing = packing_from_name(dtype);
  const auto forms = PackedWeight::forms(k, packing, block, zero_points);
  std::array<Part, 3> parts;
  std::size_t count = 0;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const PartForm& form = forms[i];
    if (*form.name == '\0') continue;
    ++count;
    check(given.contains(form.name), "pack", "expected a part ", form.name, ", got none");
    const auto part = given[form.name].cast<py::array>();
    check(part.dtype().equal(type_of(form)), "pack", "expected ", form.name, " of ", form.type,
          ", got dtype ", py::str(part.dtype()).cast<std::string>());
    check((part.flags() & py::array::c_style) != 0, "pack", "expected ", form.name,
          " in one piece of memory");
    parts[i] = shared(part);
  }
  check(given.size() == count, "pack", "expected ", count, " parts, got ", given.size());
  return std::make_unique<PackedWeight>(n, k, packing, block, zero_points, std::move(parts));
}

py::array rows(const PackedWeight& weight, py::handle ids_value) {
  const IntArray ids("rows", "ids", ids_value);
  Shape shape = ids.shape();
  shape.push_back(weight.k());
  Output out(shape);
  {
    const Unlocked unlocked(out.rows().size() * 2);
    weight.rows(ids.data(), {out.data(), ids.size(), weight.k()});
  }
  return out.take();
}

py::array linear_array(py::handle value, const PackedWeight& weight, py::handle bias_value,
                       const std::string& activation, int threads) {
  threads = resolve_threads(threads);
  const Activation kind = activation_from_name("linear", activation);
  const FloatArray x("linear", "x", value, 1);
  check(x.columns() == weight.k(), "linear", "expected x with a last axis of ", weight.k(),
        ", got shape ", shape_text(x.shape()));
  std::optional<FloatVector> bias;
  if (!bias_value.is_none()) bias.emplace("linear", "bias", bias_value, weight.n());
  Output out(x.with_columns(weight.n()));
  {
    std::ptrdiff_t rows = 1;
    for (std::size_t axis = 0; axis + 1 < x.dimensions(); ++axis) rows *= x.shape()[axis];
    const Unlocked unlocked(rows * weight.k() / 32 * weight.n());
    linear(x.rows(), weight, bias ? bias->data() : nullptr, kind, {out.data(), rows, weight.n()},
           threads);
  }
  return out.take();
}

}  // namespace

void register_matrices(py::module_& m) {
  py::class_<PackedWeight>(m, "PackedWeight", "A weight (N, K) laid out for the matrix product.")
      .def_property_readonly("shape",
                             [](const PackedWeight& w) { return py::make_tuple(w.n(), w.k()); })
      .def_property_readonly("nbytes", &PackedWeight::nbytes)
      .def_property_readonly("dtype",
                             [](const PackedWeight& w) { return packing_name(w.packing()); })
      .def_property_readonly("block", &PackedWeight::block)
      .def_property_readonly("parts", &parts)
      .def_static("from_parts", &from_parts, "shape"_a, "dtype"_a, "parts"_a, "block"_a = 32,
                  "zero_points"_a = true, "A weight from `parts`, which are not copied if aligned.")
      .def("rows", &rows, "ids"_a, "Rows of the weight as float32, for tied embeddings.");
  m.def("pack", &pack, "weight"_a, "dtype"_a = "float32", py::kw_only(), "bfloat16"_a = false,
        "block"_a = 32, "zero_points"_a = true, "threads"_a = 0);
  m.def("pack_blocks", &pack_file_blocks, "rows"_a, "type"_a, py::kw_only(), "threads"_a = 0);
  m.def("linear", &linear_array, "x"_a, "weight"_a, "bias"_a = py::none(), "activation"_a = "none",
        "threads"_a = 0);
}

}  // namespace quatrain
