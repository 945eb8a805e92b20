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
  keys.total.resize(batch);
  keys.first.resize(batch * given.caches.size());
  for (std::size_t b = 0; b < batch; ++b) {
    keys.total[b] = given.past[b] + given.starts[b + 1] - given.starts[b];
    for (std::size_t c = 0; c < given.caches.size(); ++c) {
      keys.first[c * batch + b] =
          static_cast<std::int64_t>(b) * static_cast<std::int64_t>(given.caches[c].capacity);
    }
  }
}

// How many rows passes of that size have of a value at most: as many if sentences are of one
// stride.
std::ptrdiff_t most_rows(Per per, std::ptrdiff_t tokens, std::ptrdiff_t sentences) {
  if (per == Per::kSentence) return sentences;
  const auto stride = static_cast<std::ptrdiff_t>(per);
  return per == Per::kToken ? tokens : std::min(tokens, tokens / stride + sentences);
}

}  // namespace

std::ptrdiff_t Given::rows_of(Per per) const {
  if (per == Per::kSentence) return batch;
  if (per == Per::kToken) return tokens();
  const auto stride = static_cast<std::int64_t>(per);
  std::int64_t count = 0;
  for (std::ptrdiff_t b = 0; b < batch; ++b) {
    count += (starts[b + 1] - starts[b] + stride - 1) / stride;
  }
  return static_cast<std::ptrdiff_t>(count);
}

std::size_t Plan::result(Value x) {
  expect_recording();
  expect_own(x);
  Buffer& buffer = buffers_[x.buffer];
  check(x.columns == buffer.columns && buffer.place != Place::kGiven, kWhere,
        "a result must be the whole of what an operation made");
  if (buffer.place == Place::kArena) {
    buffer.place = Place::kResult;
    buffer.number = results_.size();
    results_.push_back(x);
  }
  return buffer.number;
}

MutableRows Plan::Pass::rows(Value x) const {
  return {memory[x.buffer] + x.first, given.rows_of(x.per), x.columns, buffers[x.buffer].columns};
}

const Arena::Sentences& Plan::Pass::of(Per per) const {
  const auto at = std::find(strides.begin(), strides.end(), per) - strides.begin();
  return sentences[static_cast<std::size_t>(at)];
}

std::size_t Plan::place_buffers(std::ptrdiff_t tokens, std::ptrdiff_t sentences,
                                std::vector<std::size_t>& offsets) const {
  std::vector<Lifetime> lifetimes;
  lifetimes.reserve(buffers_.size());
  for (const Buffer& x : buffers_) {
    const std::ptrdiff_t rows = most_rows(x.per, tokens, sentences);
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
    floats += floats_of(most_rows(x.per, tokens, sentences), x.columns);
  }
  return floats * sizeof(float);
}

void Plan::check_given(const Given& given) const {
  check_count("lists of ids", given.ids.size(), ids_ - positions_.size());
  check_count("lists of rows", given.rows.size(), given_.size());
  for (std::size_t i = 0; i < given_.size(); ++i) {
    const ConstRows& rows = given.rows[i];
    check(rows.rows == given.tokens() && rows.columns == given_[i] && rows.contiguous(), kWhere,
          "expected ", given.tokens(), " rows of ", given_[i], " columns, got ", rows.rows,
          " rows of ", rows.columns);
  }
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
    switch (x.place) {
      case Place::kArena:
        arena.buffers[i] = memory + layout.offsets[i];
        break;
      case Place::kResult:
        arena.buffers[i] = given.results[x.number].data;
        break;
      case Place::kGiven:  // no step writes it
        arena.buffers[i] = const_cast<float*>(given.rows[x.number].data);
        break;
    }
  }
}

void Plan::cut_sentences(const Given& given, Arena& arena) const {
  arena.sentences.resize(strides_.size());
  for (std::size_t i = 0; i < strides_.size(); ++i) {
    const auto stride = static_cast<std::int64_t>(strides_[i]);
    Arena::Sentences& cut = arena.sentences[i];
    cut.starts.assign(1, 0);
    cut.length.clear();
    for (std::ptrdiff_t b = 0; b < given.batch; ++b) {
      const std::int64_t tokens = given.starts[b + 1] - given.starts[b];
      cut.length.push_back((tokens + stride - 1) / stride);
      cut.starts.push_back(cut.starts.back() + cut.length.back());
    }
  }
}

void Plan::number_tokens(const Given& given, Arena& arena) const {
  arena.ids = given.ids;
  std::size_t count = 0;
  for (const Positions& positions : positions_) {
    count += static_cast<std::size_t>(given.rows_of(positions.per));
  }
  arena.positions.resize(count);
  std::int64_t* out = arena.positions.data();
  for (const Positions& positions : positions_) {  // by number
    arena.ids.insert(arena.ids.begin() + static_cast<std::ptrdiff_t>(positions.number), out);
    for (std::ptrdiff_t b = 0; b < given.batch; ++b) {
      const auto stride = static_cast<std::int64_t>(positions.per);
      const std::int64_t tokens = given.starts[b + 1] - given.starts[b];
      for (std::int64_t i = 0; i * stride < tokens; ++i) {
        *out++ = positions.start + given.past[b] + i;
      }
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
    newest = std::max(newest, given.starts[b + 1] - given.starts[b]);
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
  cut_sentences(given, arena);
  number_tokens(given, arena);
  locate_keys(given, arena.keys);
  lay_out_biases(given, arena);
  const Pass pass{buffers_,   strides_,     arena.buffers, arena.sentences, arena.ids,
                  arena.keys, arena.biases, given,         threads};
  for (const Step& step : steps_) {
    step(pass);
    Pulse::ask();
  }
}

}  // namespace quatrain
