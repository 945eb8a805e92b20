#include "tokenizer/training/unigram_trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "core/check.h"
#include "core/parallel.h"
#include "tokenizer/training/lattice.h"
#include "tokenizer/training/substrings.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

// A piece that is expected less often is dropped.
constexpr double kRarest = 0.5;

// The derivative of the logarithm of the gamma function, by its asymptotic series.
double digamma(double x) {
  double result = 0;
  for (; x < 7; ++x) result -= 1 / x;
  x -= 0.5;
  const double y = 1 / (x * x);
  return result + std::log(x) +
         y * (1.0 / 24 - y * (7.0 / 960 - y * (31.0 / 8064 - y * 127.0 / 30720)));
}

class Trainer {
 public:
  Trainer(const UnigramTrainerSpec& spec, const WordRow& row, Substrings substrings,
          std::size_t target, int threads)
      : spec_(spec),
        row_(row),
        substrings_(std::move(substrings)),
        characters_(substrings_.characters.size()),
        target_(target),
        threads_(threads),
        pieces_(substrings_.characters) {
    pieces_.insert(pieces_.end(), substrings_.longer.begin(), substrings_.longer.end());
    substrings_.longer = {};
    double sum = 0;
    for (const Substring& piece : pieces_) sum += weight(piece);
    for (const Substring& piece : pieces_) scores_.push_back(std::log(weight(piece) / sum));
  }

  UnigramTraining run(const Progress& progress) {
    Lattice lattice(row_, substrings_, pieces_);
    const double rounds = pieces_.size() <= target_
                              ? 0
                              : std::ceil(std::log(static_cast<double>(target_) /
                                                   static_cast<double>(pieces_.size())) /
                                          std::log(spec_.shrinking_factor));
    const std::size_t total = (static_cast<std::size_t>(rounds) + 1) * spec_.sub_iterations;
    std::size_t done = 0;
    while (true) {
      for (std::uint32_t i = 0; i < spec_.sub_iterations; ++i) {
        estimate(lattice);
        progress(std::min(++done, total - 1), total);
      }
      if (pieces_.size() <= target_) break;
      prune(lattice);
    }
    progress(total, total);
    return result();
  }

 private:
  static double weight(const Substring& piece) {
    return static_cast<double>(piece.count) * piece.length;
  }

  void estimate(Lattice& lattice) {
    std::vector<double> probabilities(scores_.size());
    for (std::size_t i = 0; i < scores_.size(); ++i) probabilities[i] = std::exp(scores_[i]);
    std::vector<double> expected = lattice.expected_counts(probabilities, threads_);
    // Characters stay; so does the rest once there is none to spare.
    std::vector<std::uint32_t> ids(expected.size(), Lattice::kGone);
    std::uint32_t kept = 0;
    std::size_t spare = pieces_.size() - std::min(target_, pieces_.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (i >= characters_ && expected[i] < kRarest && spare > 0) {
        --spare;
      } else {
        ids[i] = kept++;
      }
    }
    double sum = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      expected[i] = std::max(expected[i], kRarest);
      if (ids[i] != Lattice::kGone) sum += expected[i];
    }
    // A sparse prior: exp(digamma(x)) is about x - 0.5, so what is rare becomes rarer.
    const double all = digamma(sum);
    for (std::size_t i = 0; i < expected.size(); ++i) scores_[i] = digamma(expected[i]) - all;
    keep(lattice, ids, kept);
  }

  // Drops the pieces without which the text is hardly less likely.
  void prune(Lattice& lattice) {
    const std::vector<std::uint64_t> counts = lattice.best_counts(scores_, threads_);
    double sum = 0, words = 0;
    for (const std::uint64_t count : counts) sum += static_cast<double>(count);
    for (const std::uint64_t count : row_.counts) words += static_cast<double>(count);
    std::vector<double> losses(pieces_.size(), -std::numeric_limits<double>::infinity());
    parallel_for(
        threads_, std::ssize(pieces_),
        [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
          for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
            if (i >= characters_ && counts[i] > 0) {
              losses[i] = loss(lattice, static_cast<std::uint32_t>(i), counts, sum) / words;
            }
          }
        },
        256);
    std::vector<std::uint32_t> order;
    for (std::size_t i = characters_; i < pieces_.size(); ++i) {
      if (counts[i] > 0) order.push_back(static_cast<std::uint32_t>(i));
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return losses[a] > losses[b]; });
    const auto shrunk =
        static_cast<std::size_t>(static_cast<double>(pieces_.size()) * spec_.shrinking_factor);
    const std::size_t size = std::max(target_, shrunk) - characters_;
    if (order.size() > size) order.resize(size);
    std::sort(order.begin(), order.end());

    std::vector<std::uint32_t> ids(pieces_.size(), Lattice::kGone);
    std::uint32_t kept = 0;
    for (; kept < characters_; ++kept) ids[kept] = kept;
    for (const std::uint32_t i : order) ids[i] = kept++;
    keep(lattice, ids, kept);
  }

  // How much less likely the text becomes if its best cuts do without the piece: where it stood,
  // the best of the other ways to cut it stands.
  double loss(const Lattice& lattice, std::uint32_t piece, const std::vector<std::uint64_t>& counts,
              double sum) const {
    const auto count = static_cast<double>(counts[piece]);
    const std::uint32_t place = substrings_.places[pieces_[piece].first];
    const std::vector<std::uint32_t> way =
        lattice.best_without(piece, place, pieces_[piece].length, scores_);
    const double total = std::log(sum + count * static_cast<double>(way.size() - 1));
    double other = 0;
    for (const std::uint32_t part : way) {
      other += std::log(static_cast<double>(counts[part]) + count) - total;
    }
    return count * (std::log(count) - std::log(sum) - other);
  }

  void keep(Lattice& lattice, const std::vector<std::uint32_t>& ids, std::uint32_t kept) {
    if (kept == pieces_.size()) return;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] == Lattice::kGone) continue;
      pieces_[ids[i]] = pieces_[i];
      scores_[ids[i]] = scores_[i];
    }
    pieces_.resize(kept);
    scores_.resize(kept);
    lattice.renumber(ids);
  }

  UnigramTraining result() const {
    UnigramTraining out;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      std::string text;
      const std::uint32_t place = substrings_.places[pieces_[i].first];
      for (std::uint32_t at = 0; at < pieces_[i].length; ++at) {
        unicode::append(text, row_.characters[place + at]);
      }
      out.emplace_back(std::move(text), scores_[i]);
    }
    return out;
  }

  const UnigramTrainerSpec& spec_;
  const WordRow& row_;
  Substrings substrings_;
  std::size_t characters_;  // the first pieces, which stay
  std::size_t target_;      // pieces
  int threads_;
  std::vector<Substring> pieces_;
  std::vector<double> scores_;
};

}  // namespace

UnigramTraining train_unigram(const UnigramTrainerSpec& spec, std::span<const WordCount> words,
                              bool bytes, int threads, const Progress& progress) {
  check(!words.empty(), "train", "the texts have no words");
  const WordRow row(words, bytes);
  Substrings substrings =
      find_substrings(row, spec.max_piece_length, spec.seed_size, threads, progress);
  std::set<char32_t> unseen(spec.initial_alphabet.begin(), spec.initial_alphabet.end());
  for (const Substring& each : substrings.characters) {
    unseen.erase(row.characters[substrings.places[each.first]]);
  }
  const std::size_t characters = substrings.characters.size() + unseen.size();
  check(characters <= spec.vocab_size, "train", "the text has ", characters,
        " characters, and vocab_size has room for ", spec.vocab_size,
        " beside the special tokens; raise it");
  UnigramTraining out =
      Trainer(spec, row, std::move(substrings), spec.vocab_size - unseen.size(), threads)
          .run(progress);
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  const double rarest = out.back().second;
  for (const char32_t c : unseen) {
    std::string text;
    unicode::append(text, c);
    out.emplace_back(std::move(text), rarest);
  }
  return out;
}

}  // namespace quatrain::tokenizer
