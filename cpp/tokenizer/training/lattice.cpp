#include "tokenizer/training/lattice.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/check.h"
#include "core/parallel.h"

namespace quatrain::tokenizer {
namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

// Sums are of integers, so that they do not depend on their order: one is 2^20.
constexpr double kOne = 1 << 20;

// Probabilities of long words leave the range of double. When one becomes this small, it and those
// that follow from it are scaled up, and the exponent is kept.
constexpr int kStep = 256;
const double kSmall = std::ldexp(1.0, -kStep), kScale = std::ldexp(1.0, kStep);

// Runs each(range of words, counts) on several threads, and adds up their counts.
template <class Count, class Each>
std::vector<Count> sum_over(std::size_t words, std::size_t pieces, int threads, Each each) {
  std::vector<Count> total(pieces);
  std::vector<std::vector<Count>> idle;
  std::mutex mutex;
  parallel_for(
      threads, static_cast<std::ptrdiff_t>(words),
      [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        std::vector<Count> own;
        {
          const std::lock_guard lock(mutex);
          if (!idle.empty()) {
            own = std::move(idle.back());
            idle.pop_back();
          }
        }
        own.resize(pieces);
        each(static_cast<std::size_t>(begin), static_cast<std::size_t>(end), own);
        const std::lock_guard lock(mutex);
        idle.push_back(std::move(own));
      },
      256);
  for (const std::vector<Count>& own : idle) {
    for (std::size_t i = 0; i < pieces; ++i) total[i] += own[i];
  }
  return total;
}

}  // namespace

Lattice::Lattice(const WordRow& row, const Substrings& substrings,
                 std::span<const Substring> pieces)
    : row_(row), first_arc_(row.characters.size() + 1) {
  check(pieces.size() < kMostPieces, "train", "there are ", pieces.size(),
        " pieces to begin with, expected less than 2^24");
  const auto places = [&](const Substring& piece) {
    return std::span(substrings.places).subspan(piece.first, piece.places);
  };
  std::vector<std::uint32_t> by_length(pieces.size());
  for (std::uint32_t i = 0; i < by_length.size(); ++i) by_length[i] = i;
  std::stable_sort(by_length.begin(), by_length.end(), [&](std::uint32_t a, std::uint32_t b) {
    return pieces[a].length < pieces[b].length;
  });
  for (const Substring& piece : pieces) {
    longest_ = std::max<std::size_t>(longest_, piece.length);
    for (const std::uint32_t place : places(piece)) ++first_arc_[place + 1];
  }
  for (std::size_t i = 1; i < first_arc_.size(); ++i) first_arc_[i] += first_arc_[i - 1];
  arcs_.resize(first_arc_.back());
  for (const std::uint32_t i : by_length) {
    for (const std::uint32_t place : places(pieces[i])) {
      arcs_[first_arc_[place]++] = {i, pieces[i].length};
    }
  }
  // Each is now where the next one begins.
  std::rotate(first_arc_.begin(), first_arc_.end() - 1, first_arc_.end());
  first_arc_.front() = 0;
}

void Lattice::renumber(std::span<const std::uint32_t> ids) {
  std::size_t kept = 0;
  for (std::size_t place = 0; place + 1 < first_arc_.size(); ++place) {
    const std::size_t begin = first_arc_[place], end = first_arc_[place + 1];
    first_arc_[place] = kept;
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint32_t id = ids[arcs_[i].piece];
      if (id != kGone) arcs_[kept++] = {id, arcs_[i].length};
    }
  }
  first_arc_.back() = kept;
  arcs_.resize(kept);
}

struct Lattice::Forward {
  std::vector<double> before, after;  // the sum over all ways up to, and from, each place
  std::vector<int> exponents;         // of `before`
};

void Lattice::expect(std::size_t word, std::span<const double> probabilities, Forward& scratch,
                     std::vector<std::int64_t>& counts) const {
  const std::size_t start = row_.starts[word], size = row_.sizes[word];
  auto& [before, after, exponents] = scratch;
  before.assign(size + longest_ + 1, 0);
  after.assign(size + longest_ + 1, 0);
  exponents.resize(size);
  const auto scale_up = [this](double* first, int& exponent) {
    if (*first >= kSmall) return;
    for (std::size_t i = 0; i <= longest_; ++i) first[i] *= kScale;
    exponent -= kStep;
  };
  int exponent = 0;
  before[0] = 1;
  for (std::size_t at = 0; at < size; ++at) {
    scale_up(&before[at], exponent);
    exponents[at] = exponent;
    for (const Arc arc : arcs(start + at)) {
      before[at + arc.length] += before[at] * probabilities[arc.piece];
    }
  }
  const double unit = kOne * static_cast<double>(row_.counts[word]) / before[size];
  const int whole = exponent;
  exponent = 0;
  after[size] = 1;
  for (std::size_t at = size; at-- > 0;) {
    const int difference = exponents[at] + exponent - whole;
    double weight = unit * before[at];
    if (difference != 0) weight = std::ldexp(weight, difference);
    double sum = 0;
    for (const Arc arc : arcs(start + at)) {
      const double rest = probabilities[arc.piece] * after[at + arc.length];
      sum += rest;
      counts[arc.piece] += static_cast<std::int64_t>(weight * rest + 0.5);
    }
    after[at] = sum;
    scale_up(&after[at], exponent);
  }
}

std::vector<double> Lattice::expected_counts(std::span<const double> probabilities,
                                             int threads) const {
  const auto sums = sum_over<std::int64_t>(
      row_.starts.size(), probabilities.size(), threads,
      [&](std::size_t begin, std::size_t end, std::vector<std::int64_t>& counts) {
        Forward scratch;
        for (std::size_t word = begin; word < end; ++word) {
          expect(word, probabilities, scratch, counts);
        }
      });
  std::vector<double> out(sums.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(sums[i]) / kOne;
  return out;
}

std::vector<std::uint64_t> Lattice::best_counts(std::span<const double> scores, int threads) const {
  return sum_over<std::uint64_t>(
      row_.starts.size(), scores.size(), threads,
      [&](std::size_t begin, std::size_t end, std::vector<std::uint64_t>& counts) {
        std::vector<double> best;
        std::vector<Arc> last;  // the piece that ends at each place
        for (std::size_t word = begin; word < end; ++word) {
          const std::size_t start = row_.starts[word], size = row_.sizes[word];
          best.assign(size + 1, kImpossible);
          last.resize(size + 1);
          best[0] = 0;
          for (std::size_t at = 0; at < size; ++at) {
            for (const Arc arc : arcs(start + at)) {
              const double score = best[at] + scores[arc.piece];
              if (score <= best[at + arc.length]) continue;
              best[at + arc.length] = score;
              last[at + arc.length] = arc;
            }
          }
          for (std::size_t at = size; at > 0; at -= last[at].length) {
            counts[last[at].piece] += row_.counts[word];
          }
        }
      });
}

std::vector<std::uint32_t> Lattice::best_without(std::uint32_t piece, std::uint32_t place,
                                                 std::uint32_t length,
                                                 std::span<const double> scores) const {
  std::vector<double> best(length + 1, kImpossible);
  std::vector<Arc> last(length + 1);
  best[0] = 0;
  for (std::uint32_t at = 0; at < length; ++at) {
    for (const Arc arc : arcs(place + at)) {
      if (at + arc.length > length) break;
      const double score = best[at] + scores[arc.piece];
      if (arc.piece == piece || score <= best[at + arc.length]) continue;
      best[at + arc.length] = score;
      last[at + arc.length] = arc;
    }
  }
  std::vector<std::uint32_t> way;
  for (std::uint32_t at = length; at > 0; at -= last[at].length) {
    way.push_back(last[at].piece);
  }
  return way;
}

}  // namespace quatrain::tokenizer
