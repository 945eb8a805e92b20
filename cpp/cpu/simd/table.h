// Fills the table. Included once per instruction set, last.
namespace quatrain::QUATRAIN_ISA {

inline Kernels make_kernels() {
  Kernels table{};
#define QUATRAIN_ACTIVATION(kind)                                                      \
  table.activate[static_cast<int>(Activation::kind)] = activate_row<Activation::kind>; \
  table.gated[static_cast<int>(Activation::kind)] = gated_row<Activation::kind>
  QUATRAIN_ACTIVATION(kNone);
  QUATRAIN_ACTIVATION(kGelu);
  QUATRAIN_ACTIVATION(kGeluTanh);
  QUATRAIN_ACTIVATION(kRelu);
  QUATRAIN_ACTIVATION(kSilu);
  QUATRAIN_ACTIVATION(kTanh);
  QUATRAIN_ACTIVATION(kSigmoid);
  QUATRAIN_ACTIVATION(kErf);
  QUATRAIN_ACTIVATION(kExp);
  QUATRAIN_ACTIVATION(kRsqrt);
#undef QUATRAIN_ACTIVATION
  table.add = add;
  table.mul = mul;
  table.max = maximum;
  table.scale = scale;
  table.sum_squares = sum_squares;
  table.stream = stream_row;
  table.settle = settle;
  table.softmax = softmax;
  table.layer_norm = layer_norm;
  table.rms_norm = rms_norm;
  table.rope_half_split = rope_half_split;
  table.rope_interleaved = rope_interleaved;
  table.block_maxima = block_maxima;
  table.likelihoods = likelihoods;
  table.sum_exponentials = sum_exponentials;
  table.sum_likelihoods = sum_likelihoods;
  table.pack_panel = pack_panel;
  table.widen_float16 = widen_float16;
  table.widen_bfloat16 = widen_bfloat16;
  table.linear_scratch = kBlockRows * kBlockK + kWidth;
  table.linear_block_rows = kBlockRows;
  table.linear_half_rows = kTileRows;
  table.linear = linear;
  table.quantize_head = quantize_head;
  table.attention_scratch = attention_scratch;
  table.attention = attention;
  return table;
}

}  // namespace quatrain::QUATRAIN_ISA
