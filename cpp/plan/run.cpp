// Running a plan: the checks of what a pass is given, its memory, and then step after step.
#include <algorithm>

#include "core/check.h"
#include "core/interrupt.h"
#include "plan/plan.h"

namespace quatrain {

namespace {

constexpr const char* kWhere = "plan";

void check_count(const char* name, std::size_t found, std::size_t expected) {
  check(found == expected, kWhere, "expected ", expected, " ", name, ", got ", found);
}

std::size_t floats_of(std::ptrdiff_t rows, std::ptrdiff_t columns) {
  constexpr std::ptrdiff_t kMostFloats = std::ptrdiff_t{1} << 45;  // sums of many can be counted
  check(rows >= 0 && (columns == 0 || rows <= kMostFloats / columns), kWhere,
        "expected values that memory can hold, got ", rows, " rows of ", columns, " columns");
  return static_cast<std::size_t>(rows * columns);
}

void locate_keys(const Given& given, Arena::Keys& keys) {
  const auto batch = static_cast<std::size_t>(given.batch);
  keys.length.resize(batch);
  keys.total.resize(batch);
  keys.first.resize(batch * given.caches.size());
  for (std::size_t b = 0; b < batch; ++b) {
    keys.length[b] = given.starts[b + 1] - given.starts[b];
    keys.total[b] = given.past[b] + keys.length[b];
    for (std::size_t c = 0; c < given.caches.size(); ++c) {
      keys.first[c * batch + b] =
          static_cast<std::int64_t>(b) * static_cast<std::int64_t>(given.caches[c].capacity);
    }
  }
}

}  // namespace

std::size_t Plan::result(Value x) {
  expect_recording();
  expect_own(x);
  Buffer& buffer = buffers_[x.buffer];
  check(x.columns == buffer.columns, kWhere,
        "a result must be the whole of what an operation made");
  if (buffer.place == Place::kArena) {
    buffer.place = Place::kResult;
    buffer.number = results_.size();
    results_.push_back(x);
  }
  return buffer.number;
}

MutableRows Plan::Pass::rows(Value x) const {
  const std::ptrdiff_t count = x.per == Per::kToken ? given.tokens() : given.batch;
  return {memory[x.buffer] + x.first, count, x.columns, buffers[x.buffer].columns};
}

std::size_t Plan::place_buffers(std::ptrdiff_t tokens, std::ptrdiff_t sentences,
                                std::vector<std::size_t>& offsets) const {
  std::vector<Lifetime> lifetimes;
  lifetimes.reserve(buffers_.size());
  for (const Buffer& x : buffers_) {
    const std::ptrdiff_t rows = x.per == Per::kToken ? tokens : sentences;
    lifetimes.push_back(
        {x.born, x.dies, x.place == Place::kArena ? floats_of(rows, x.columns) : 0});
  }
  return place(lifetimes, offsets);
}

std::size_t Plan::bytes(std::ptrdiff_t tokens, std::ptrdiff_t sentences) const {
  std::vector<std::size_t> offsets;
  return place_buffers(tokens, sentences, offsets) * sizeof(float);
}

std::size_t Plan::result_bytes(std::ptrdiff_t tokens, std::ptrdiff_t sentences) const {
  std::size_t floats = 0;
  for (const Value& x : results_) {
    floats += floats_of(x.per == Per::kToken ? tokens : sentences, x.columns);
  }
  return floats * sizeof(float);
}

void Plan::check_given(const Given& given) const {
  check_count("lists of ids", given.ids.size(), ids_ - positions_.size());
  check_count("caches", given.caches.size(), caches_);
  check_count("sources", given.sources.size(), sources_);
  check_count("results", given.results.size(), results_.size());
  for (const Cache& cache : given.caches) {
    const std::ptrdiff_t rows = given.batch * cache.capacity;
    check(readable(cache.keys).rows == rows && readable(cache.values).rows == rows, kWhere,
          "expected caches of ", given.batch, " sentences");
  }
}

void Plan::locate_buffers(const Given& given, Arena& arena) const {
  Arena::Layout& layout = arena.layout;
  const std::ptrdiff_t tokens = given.tokens();
  if (layout.plan != number_ || layout.tokens != tokens || layout.sentences != given.batch) {
    layout.plan = 0;  // if there is no memory for the offsets
    layout.floats = place_buffers(tokens, given.batch, layout.offsets);
    layout.tokens = tokens;
    layout.sentences = given.batch;
    layout.plan = number_;
  }
  float* memory = arena.floats(layout.floats);
  arena.buffers.resize(buffers_.size());
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const Buffer& x = buffers_[i];
    arena.buffers[i] =
        x.place == Place::kArena ? memory + layout.offsets[i] : given.results[x.number].data;
  }
}

void Plan::number_tokens(const Given& given, Arena& arena) const {
  const auto tokens = static_cast<std::size_t>(given.tokens());
  arena.ids = given.ids;
  arena.positions.resize(positions_.size() * tokens);
  std::int64_t* out = arena.positions.data();
  for (const Positions& positions : positions_) {  // by number
    arena.ids.insert(arena.ids.begin() + static_cast<std::ptrdiff_t>(positions.number), out);
    for (std::ptrdiff_t b = 0; b < given.batch; ++b) {
      const std::int64_t count = given.starts[b + 1] - given.starts[b];
      for (std::int64_t i = 0; i < count; ++i) *out++ = positions.start + given.past[b] + i;
    }
  }
}

// A head's bias of key j and query i is values[j - i + longest - 1]: one query's row begins one
// value before that of the query in front of it.
void Plan::lay_out_biases(const Given& given, Arena& arena) const {
  const auto batch = static_cast<std::size_t>(given.batch);
  std::int64_t longest = 1, newest = 1;
  for (std::size_t b = 0; b < batch; ++b) {
    longest = std::max(longest, arena.keys.total[b]);
    newest = std::max(newest, arena.keys.length[b]);
  }
  const std::ptrdiff_t width = longest + newest - 1;
  arena.biases.resize(biases_.size());
  for (std::size_t i = 0; i < biases_.size(); ++i) {
    const ConstRows& by_distance = biases_[i];
    Arena::Biases& made = arena.biases[i];
    made.values.resize(static_cast<std::size_t>(by_distance.rows * width));
    for (std::ptrdiff_t h = 0; h < by_distance.rows; ++h) {
      const float* middle = by_distance.row(h) + by_distance.columns / 2;
      float* zero = made.values.data() + h * width + longest - 1;
      const std::ptrdiff_t most = by_distance.columns / 2;
      for (std::ptrdiff_t d = 1 - longest; d < newest; ++d) {
        zero[d] = middle[std::clamp(d, -most, most)];
      }
    }
    made.of_sentence.resize(batch);
    for (std::size_t b = 0; b < batch; ++b) {
      const float* first = made.values.data() + longest - 1 - given.past[b];
      made.of_sentence[b] = {first, by_distance.rows, width, -1};
    }
  }
}

void Plan::run(const Given& given, Arena& arena, int threads) const {
  const Exclusive::Use use(arena.exclusive, kWhere, "an arena");
  has_run_.store(true, std::memory_order_relaxed);
  check_given(given);
  locate_buffers(given, arena);
  number_tokens(given, arena);
  locate_keys(given, arena.keys);
  lay_out_biases(given, arena);
  const Pass pass{buffers_, arena.buffers, arena.ids, arena.keys, arena.biases, given, threads};
  for (const Step& step : steps_) {
    step(pass);
    Pulse::ask();
  }
}

}  // namespace quatrain
