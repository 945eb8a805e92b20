// A pass over a network, written down once as a list of steps and then made again and again.
//
// Recording calls the operations of cpp/ops on values that have no numbers yet. Running makes the
// same calls, with the same checks, on the memory of an arena. A plan that has run does not change:
// any number of threads may run it at once, each with an arena of its own.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "core/check.h"
#include "core/tensor.h"
#include "ops/activation.h"
#include "ops/attention.h"
#include "ops/linear.h"
#include "ops/pool.h"
#include "plan/arena.h"

namespace quatrain {

// Of a pass, and of what came before it: no sum of two overflows.
inline constexpr std::int64_t kMostTokens = std::int64_t{1} << 40;

// A value has a row for each sentence, or for each token of the pass, or for the first of every so
// many tokens of a sentence (what a convolution's stride leaves): that many are what it is.
enum class Per : std::ptrdiff_t { kSentence = 0, kToken = 1 };
constexpr Per every(Per per, std::ptrdiff_t stride) {
  return Per{static_cast<std::ptrdiff_t>(per) * stride};
}

// Some columns of a buffer of the plan of that number. It has no numbers until a pass is run.
struct Value {
  std::size_t plan;
  Per per;
  std::size_t buffer;
  std::ptrdiff_t first, columns;
};

// What differs from pass to pass, by its plan and its number there: a whole number for each row
// (ids, positions), a bias of the scores, keys and values that each pass extends, those of a
// source.
struct Ids {
  std::size_t plan, number;
  Per per;
};
struct Bias {
  std::size_t plan, number;
};
struct CacheSlot {
  std::size_t plan, number;
};
struct SourceSlot {
  std::size_t plan, number;
};

// Keys and values that each pass extends: B * capacity rows each, float32 or int8.
struct Cache {
  using Rows = std::variant<MutableRows, Int8Rows>;
  Rows keys, values;
  std::ptrdiff_t capacity;
};
inline CacheRows readable(const Cache::Rows& rows) {
  return std::visit([](const auto& held) { return CacheRows(held); }, rows);
}

// A source's keys and values: sentence b attends to length[b] rows from first[b] on.
struct Source {
  ConstRows keys, values;
  const std::int64_t *first, *length;  // [B]
};

// What one pass is given, each list in the order in which the plan asked for its parts.
struct Given {
  std::ptrdiff_t batch = 0;
  const std::int64_t* starts = nullptr;  // [B+1]: sentence b is rows starts[b] .. starts[b+1]
  const std::int64_t* past = nullptr;    // [B]: how many rows the caches hold already
  std::vector<const std::int64_t*> ids;  // one for each token
  std::vector<ConstRows> rows;           // contiguous, one for each token
  std::vector<Cache> caches;
  std::vector<Source> sources;
  std::vector<MutableRows> results;  // to be written

  std::ptrdiff_t tokens() const { return static_cast<std::ptrdiff_t>(starts[batch]); }
  // How many rows a value has.
  std::ptrdiff_t rows_of(Per per) const;
};

class Plan {
 public:
  Plan();

  // Recording throws InputError for what another plan made, and once the plan has run.

  // What a pass will be given.
  Ids ids();
  Value rows(std::ptrdiff_t columns);
  // The position of every row in its sentence, after what came before, plus `start`.
  Ids positions(std::int64_t start, Per per = Per::kToken);
  CacheSlot cache();
  SourceSlot source();

  // The operations, as cpp/ops/*.h specifies them. Weights must outlive the plan.
  Value embedding(Ids ids, ConstRows table);
  Value embedding(Ids ids, const PackedWeight& table);
  Value linear(Value x, const PackedWeight& weight, const float* bias, Activation activation);
  Value activate(Activation kind, Value x);
  Value gated(Activation kind, Value gate, Value up);
  Value add(Value x, Value y);
  Value add(Value x, const float* row);
  Value mul(Value x, Value y);
  Value mul(Value x, const float* row);
  Value layer_norm(Value x, const float* weight, const float* bias, float eps);
  Value rms_norm(Value x, const float* weight, std::ptrdiff_t heads, float eps);
  struct Sum {
    Value sum, normed;
  };
  Sum add_layer_norm(Value x, Value y, const float* weight, const float* bias, float eps);
  Sum add_rms_norm(Value x, Value y, const float* weight, float eps);
  Value softmax(Value x);
  Value rope(Value x, Value cosines, Value sines, std::ptrdiff_t heads, bool interleaved);
  struct Angles {
    Value cosines, sines;
  };
  // A sentence of n tokens, past ones included, has the row min(max(n - limit, 0), L - 1) of
  // inv_freq [L, R/2]; of more than one only where a row is a token.
  Angles rotary(ConstRows inv_freq, float scale, std::int64_t limit, Per per = Per::kToken);
  Value windows(Value x, std::ptrdiff_t size, std::ptrdiff_t stride);
  Value pool(Value x, Pooling kind);
  Value l2_normalize(Value x);

  // The columns of all parts, side by side.
  Value concat(const std::vector<Value>& parts);

  // Columns first .. first + count, which nothing copies.
  static Value columns(Value x, std::ptrdiff_t first, std::ptrdiff_t count);

  // A bias that the distance from query to key gives: by_distance [H, 2M + 1] has that of -M to M,
  // and what lies further has that of M.
  Bias relative_bias(ConstRows by_distance);
  // Attention among the rows of the pass.
  Value attention(Value q, Value k, Value v, const AttentionOptions& options,
                  std::optional<Bias> bias);
  // Extends a cache by k and v, and attends to all that it then holds.
  Value attention(CacheSlot cache, Value q, Value k, Value v, const AttentionOptions& options,
                  std::optional<Bias> bias);
  // Attends to a source, whose values have `value_columns` columns.
  Value attention(SourceSlot source, Value q, std::ptrdiff_t value_columns,
                  const AttentionOptions& options, std::optional<Bias> bias);

  // Makes a value one of those that run() writes into memory of its caller's; -> its number there.
  std::size_t result(Value x);
  const std::vector<Value>& results() const { return results_; }

  // How much memory a pass of that size takes in its arena, and its results in that of its caller.
  // Throws InputError if no memory could be as large.
  std::size_t bytes(std::ptrdiff_t tokens, std::ptrdiff_t sentences) const;
  std::size_t result_bytes(std::ptrdiff_t tokens, std::ptrdiff_t sentences) const;

  // One pass. Errors are those of the operations; Ctrl-C is answered between two steps.
  void run(const Given& given, Arena& arena, int threads) const;

 private:
  enum class Place { kArena, kResult, kGiven };
  struct Buffer {
    Per per;
    std::ptrdiff_t columns;
    std::ptrdiff_t born, dies;  // the steps that write it first and read it last
    Place place;
    std::size_t number;  // among the results, or what is given
  };
  struct Positions {
    std::size_t number;  // among the ids
    std::int64_t start;
    Per per;
  };
  struct Pass {
    const std::vector<Buffer>& buffers;
    const std::vector<Per>& strides;
    const std::vector<float*>& memory;               // of each buffer
    const std::vector<Arena::Sentences>& sentences;  // of each stride
    const std::vector<const std::int64_t*>& ids;
    const Arena::Keys& keys;
    const std::vector<Arena::Biases>& biases;
    const Given& given;
    int threads;
    MutableRows rows(Value x) const;
    // Where the rows of each sentence begin, [B+1], and how many there are, [B].
    const Arena::Sentences& of(Per per) const;
    // Of each sentence; null for none.
    const AttentionBias* bias(std::optional<Bias> bias) const {
      return bias ? biases[bias->number].of_sentence.data() : nullptr;
    }
  };
  using Step = std::function<void(const Pass&)>;

  void expect_recording() const;
  template <class Made>
  void expect_own(const Made& x) const;
  Value make(Per per, std::ptrdiff_t columns);
  void keep_sentences(Per per);
  void step(const std::vector<Value>& reads, Step made);
  Value attended(Value q, std::ptrdiff_t value_columns, const AttentionOptions& options,
                 std::optional<Bias> bias);
  static void expect_same(const char* where, Value x, Value y);
  void check_given(const Given& given) const;
  void locate_buffers(const Given& given, Arena& arena) const;
  void cut_sentences(const Given& given, Arena& arena) const;
  void number_tokens(const Given& given, Arena& arena) const;
  void lay_out_biases(const Given& given, Arena& arena) const;
  std::size_t place_buffers(std::ptrdiff_t tokens, std::ptrdiff_t sentences,
                            std::vector<std::size_t>& offsets) const;

  std::size_t number_;  // of all plans of the process
  mutable std::atomic<bool> has_run_{false};
  std::size_t ids_ = 0, caches_ = 0, sources_ = 0;
  std::vector<std::ptrdiff_t> given_;  // columns
  std::vector<Positions> positions_;
  std::vector<ConstRows> biases_;          // by distance
  std::vector<Per> strides_{Per::kToken};  // of the values that have rows of tokens
  std::vector<Buffer> buffers_;
  std::vector<Value> results_;
  std::vector<Step> steps_;
};

template <class Made>
void Plan::expect_own(const Made& x) const {
  check(x.plan == number_, "plan", "expected what this plan made, got what another one made");
}

}  // namespace quatrain
