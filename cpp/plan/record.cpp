// Recording: each operation checks what it can know by now, makes its result, and notes the call.
#include <algorithm>
#include <atomic>
#include <utility>

#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/layer_norm.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/softmax.h"
#include "ops/windows.h"
#include "plan/plan.h"

namespace quatrain {

namespace {

std::size_t next_number() {
  static std::atomic<std::size_t> last{0};
  return ++last;
}

}  // namespace

Plan::Plan() : number_(next_number()) {}

void Plan::expect_recording() const {
  check(!has_run_.load(std::memory_order_relaxed), "plan", "expected a plan that has not run yet");
}

Value Plan::make(Per per, std::ptrdiff_t columns) {
  expect_recording();
  const auto now = static_cast<std::ptrdiff_t>(steps_.size());
  buffers_.push_back({per, columns, now, now, Place::kArena, 0});
  return {number_, per, buffers_.size() - 1, 0, columns};
}

void Plan::keep_sentences(Per per) {
  if (std::find(strides_.begin(), strides_.end(), per) == strides_.end()) strides_.push_back(per);
}

void Plan::step(const std::vector<Value>& reads, Step made) {
  for (const Value& x : reads) {
    expect_own(x);
    buffers_[x.buffer].dies = static_cast<std::ptrdiff_t>(steps_.size());
  }
  steps_.push_back(std::move(made));
}

void Plan::expect_same(const char* where, Value x, Value y) {
  check(x.per == y.per && x.columns == y.columns, where, "expected two values of one shape, got ",
        x.columns, " and ", y.columns, " columns of ", x.per == y.per ? "the same" : "different",
        " rows");
}

Ids Plan::ids() {
  expect_recording();
  return {number_, ids_++, Per::kToken};
}

Value Plan::rows(std::ptrdiff_t columns) {
  const Value out = make(Per::kToken, columns);
  buffers_.back().place = Place::kGiven;
  buffers_.back().number = given_.size();
  given_.push_back(columns);
  return out;
}

CacheSlot Plan::cache() {
  expect_recording();
  return {number_, caches_++};
}

SourceSlot Plan::source() {
  expect_recording();
  return {number_, sources_++};
}

Ids Plan::positions(std::int64_t start, Per per) {
  expect_recording();
  check(std::abs(start) <= kMostTokens, "positions", "expected a start of at most ", kMostTokens,
        ", got ", start);
  positions_.push_back({ids_, start, per});
  keep_sentences(per);
  return {number_, ids_++, per};
}

Bias Plan::relative_bias(ConstRows by_distance) {
  expect_recording();
  check(by_distance.columns % 2 == 1, "relative_bias",
        "expected a bias of each distance from -M to M, got ", by_distance.columns, " columns");
  biases_.push_back(by_distance);
  return {number_, biases_.size() - 1};
}

Value Plan::embedding(Ids ids, ConstRows table) {
  expect_own(ids);
  const Value out = make(ids.per, table.columns);
  step({}, [=](const Pass& pass) {
    quatrain::embedding(pass.ids[ids.number], table, pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::embedding(Ids ids, const PackedWeight& table) {
  expect_own(ids);
  const Value out = make(ids.per, table.k());
  step({}, [=, &table](const Pass& pass) { table.rows(pass.ids[ids.number], pass.rows(out)); });
  return out;
}

Value Plan::linear(Value x, const PackedWeight& weight, const float* bias, Activation activation) {
  check(x.columns == weight.k(), "linear", "expected x with ", weight.k(), " columns, got ",
        x.columns);
  const Value out = make(x.per, weight.n());
  step({x}, [=, &weight](const Pass& pass) {
    quatrain::linear(pass.rows(x), weight, bias, activation, pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::activate(Activation kind, Value x) {
  const Value out = make(x.per, x.columns);
  step({x}, [=](const Pass& pass) {
    quatrain::activate(kind, pass.rows(x), pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::gated(Activation kind, Value gate, Value up) {
  expect_same("gated", gate, up);
  const Value out = make(gate.per, gate.columns);
  step({gate, up}, [=](const Pass& pass) {
    quatrain::gated(kind, pass.rows(gate), pass.rows(up), pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::add(Value x, Value y) {
  expect_same("add", x, y);
  const Value out = make(x.per, x.columns);
  step({x, y}, [=](const Pass& pass) {
    quatrain::add(pass.rows(x), pass.rows(y), pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::add(Value x, const float* row) {
  const Value out = make(x.per, x.columns);
  step({x}, [=](const Pass& pass) {
    quatrain::add(pass.rows(x), {row, 1, x.columns}, pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::mul(Value x, Value y) {
  expect_same("mul", x, y);
  const Value out = make(x.per, x.columns);
  step({x, y}, [=](const Pass& pass) {
    quatrain::mul(pass.rows(x), pass.rows(y), pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::mul(Value x, const float* row) {
  const Value out = make(x.per, x.columns);
  step({x}, [=](const Pass& pass) {
    quatrain::mul(pass.rows(x), {row, 1, x.columns}, pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::layer_norm(Value x, const float* weight, const float* bias, float eps) {
  const Value out = make(x.per, x.columns);
  step({x}, [=](const Pass& pass) {
    quatrain::layer_norm(pass.rows(x), weight, bias, eps, pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::rms_norm(Value x, const float* weight, std::ptrdiff_t heads, float eps) {
  const Value out = make(x.per, x.columns);
  step({x}, [=](const Pass& pass) {
    quatrain::rms_norm(pass.rows(x), weight, heads, eps, pass.rows(out), pass.threads);
  });
  return out;
}

Plan::Sum Plan::add_layer_norm(Value x, Value y, const float* weight, const float* bias,
                               float eps) {
  expect_same("add_layer_norm", x, y);
  const Value sum = make(x.per, x.columns), out = make(x.per, x.columns);
  step({x, y}, [=](const Pass& pass) {
    quatrain::add_layer_norm(pass.rows(x), pass.rows(y), weight, bias, eps, pass.rows(sum),
                             pass.rows(out), pass.threads);
  });
  return {sum, out};
}

Plan::Sum Plan::add_rms_norm(Value x, Value y, const float* weight, float eps) {
  expect_same("add_rms_norm", x, y);
  const Value sum = make(x.per, x.columns), out = make(x.per, x.columns);
  step({x, y}, [=](const Pass& pass) {
    quatrain::add_rms_norm(pass.rows(x), pass.rows(y), weight, eps, pass.rows(sum), pass.rows(out),
                           pass.threads);
  });
  return {sum, out};
}

Value Plan::softmax(Value x) {
  const Value out = make(x.per, x.columns);
  step({x},
       [=](const Pass& pass) { quatrain::softmax(pass.rows(x), pass.rows(out), pass.threads); });
  return out;
}

Value Plan::rope(Value x, Value cosines, Value sines, std::ptrdiff_t heads, bool interleaved) {
  expect_same("rope", cosines, sines);
  check(x.per == cosines.per, "rope", "expected a row of cos for each row of x");
  check(heads > 0 && x.columns % heads == 0 && 2 * cosines.columns <= x.columns / heads, "rope",
        "expected ", heads, " heads of ", 2 * cosines.columns, " or more values, got ", x.columns,
        " columns");
  const Value out = make(x.per, x.columns);
  step({x, cosines, sines}, [=](const Pass& pass) {
    quatrain::rope(pass.rows(x), pass.rows(cosines), pass.rows(sines), heads, interleaved,
                   pass.rows(out), pass.threads);
  });
  return out;
}

Plan::Angles Plan::rotary(ConstRows inv_freq, float scale, std::int64_t limit, Per per) {
  check(inv_freq.rows == 1 || (inv_freq.rows > 1 && per == Per::kToken), "rotary",
        "expected one row of inv_freq, or some for a row for each token, got ", inv_freq.rows);
  check(std::abs(limit) <= kMostTokens, "rotary", "expected a limit of at most ", kMostTokens,
        ", got ", limit);
  const Ids at = positions(0, per);
  const Value cosines = make(per, inv_freq.columns), sines = make(per, inv_freq.columns);
  step({}, [=](const Pass& pass) {
    const auto turn = [&](std::int64_t begin, std::int64_t end, std::int64_t row) {
      const auto rows = [&](Value x) {
        const MutableRows all = pass.rows(x);
        return MutableRows(all.row(begin), end - begin, all.columns, all.stride);
      };
      quatrain::rotary(pass.ids[at.number] + begin, inv_freq.row(row), scale, rows(cosines),
                       rows(sines), pass.threads);
    };
    if (inv_freq.rows == 1) return turn(0, pass.rows(cosines).rows, 0);
    for (std::ptrdiff_t b = 0; b < pass.given.batch; ++b) {
      const std::int64_t beyond = pass.keys.total[static_cast<std::size_t>(b)] - limit;
      const std::int64_t* const starts = pass.given.starts + b;
      turn(starts[0], starts[1], std::clamp<std::int64_t>(beyond, 0, inv_freq.rows - 1));
    }
  });
  return {cosines, sines};
}

Value Plan::windows(Value x, std::ptrdiff_t size, std::ptrdiff_t stride) {
  check(x.per != Per::kSentence, "windows", "expected a row for each token");
  check(static_cast<std::ptrdiff_t>(x.per) <= kMostTokens, "windows", "expected smaller strides");
  const Value out = make(every(x.per, stride), windows_columns(x.columns, size, stride));
  keep_sentences(out.per);
  step({x}, [=](const Pass& pass) {
    const Given& given = pass.given;
    check(std::all_of(given.past, given.past + given.batch, [](auto n) { return n == 0; }),
          "windows", "expected sentences that begin in this pass, got a past");
    quatrain::windows(pass.rows(x), pass.of(x.per).starts.data(), pass.of(out.per).starts.data(),
                      given.batch, size, stride, pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::pool(Value x, Pooling kind) {
  check(x.per != Per::kSentence, "pool",
        "expected a row for each token, got one for each sentence");
  const Value out = make(Per::kSentence, x.columns);
  step({x}, [=](const Pass& pass) {
    quatrain::pool(pass.rows(x), pass.of(x.per).starts.data(), kind, pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::l2_normalize(Value x) {
  const Value out = make(x.per, x.columns);
  step({x}, [=](const Pass& pass) {
    quatrain::l2_normalize(pass.rows(x), pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::concat(const std::vector<Value>& parts) {
  check(!parts.empty(), "concat", "expected one part or more");
  std::ptrdiff_t columns = 0;
  for (const Value& part : parts) {
    check(part.per == parts.front().per, "concat", "expected parts of the same rows");
    check(!__builtin_add_overflow(columns, part.columns, &columns), "concat",
          "expected parts that memory can hold");
  }
  const Value out = make(parts.front().per, columns);
  step(parts, [=](const Pass& pass) {
    MutableRows to = pass.rows(out);
    for (const Value& part : parts) {
      const ConstRows from = pass.rows(part);
      for (std::ptrdiff_t i = 0; i < from.rows; ++i) {
        std::copy_n(from.row(i), from.columns, to.row(i));
      }
      to.data += from.columns;
    }
  });
  return out;
}

Value Plan::columns(Value x, std::ptrdiff_t first, std::ptrdiff_t count) {
  check(first >= 0 && count >= 0 && count <= x.columns - first, "split", "columns ", first, " to ",
        first, " + ", count, " are outside the value's ", x.columns);
  return {x.plan, x.per, x.buffer, x.first + first, count};
}

}  // namespace quatrain
