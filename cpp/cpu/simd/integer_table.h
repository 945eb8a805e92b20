// Fills the table of integer kernels. Included once per instruction set, last.
namespace quatrain::QUATRAIN_ISA {

inline IntegerKernels make_integers(void (*int8)(const Int8Task&),
                                    void (*blocks)(const BlockTask&)) {
  IntegerKernels table{};
  table.value_size = sizeof(Value);
  table.tiled_rows = PTRDIFF_MAX;
  table.quantize = quantize;
  table.int8 = int8;
  table.quantize_groups = quantize_groups;
  table.filled_rows = PTRDIFF_MAX;
  table.blocks = blocks;
  table.int4_errors = int4_errors;
  return table;
}

}  // namespace quatrain::QUATRAIN_ISA
