// The windows behind the one that truncation keeps.
#include <utility>

#include "core/check.h"
#include "tokenizer/lengths.h"
#include "tokenizer/scratch.h"

namespace quatrain::tokenizer {
namespace {

// Of all windows together: about a gigabyte. A pair has as many as the product of its texts'.
constexpr double kMostTokens = 1 << 26;

}  // namespace

std::vector<Encoding> Tokenizer::overflow(const Input& input, bool add_special_tokens,
                                          const LengthSpec& lengths, const SpecialRule& rule,
                                          std::size_t padded) const {
  if (!lengths.truncation) return {};
  Lease lease(*this);
  read(input, rule, *lease);
  const std::size_t count = input.pair ? 2 : 1;
  const auto length = fit(input, add_special_tokens, *lengths.truncation, *lease);
  std::vector<bool> places;  // of the texts in an encoding: whether it is the second's
  for (const auto& item : post_processor_.items(count == 2, add_special_tokens)) {
    if (item.is_text) places.push_back(item.is_second);
  }
  std::array<std::size_t, 2> counts{};
  for (std::size_t i = 0; i < count; ++i) {
    counts[i] = count_windows(*lengths.truncation, length[i], (*lease).texts[i].size());
  }
  double size = static_cast<double>(length[0] + length[1] + 1);
  for (const bool is_second : places) size *= static_cast<double>(counts[is_second]);
  check(size <= kMostTokens, "encode", "the windows behind the first have about ", size,
        " tokens, more than ", kMostTokens);
  std::array<std::vector<Sequence>, 2> windows;
  for (std::size_t i = 0; i < count; ++i) {
    const Sequence& text = (*lease).texts[i];
    windows[i].resize(counts[i]);
    for (std::size_t j = 0; j < windows[i].size(); ++j) {
      const auto [begin, end] = window(*lengths.truncation, length[i], text.size(), j);
      windows[i][j].take(text, begin, end);
    }
  }
  // Every choice of a window for each place but that of the first ones, in the peers' order.
  using Choice = std::vector<std::size_t>;
  std::vector<Choice> choices;
  Choice first;
  for (const bool is_second : places) {
    std::vector<Choice> longer;
    const auto extend = [&](const Choice& choice, std::size_t from) {
      for (std::size_t i = from; i < windows[is_second].size(); ++i) {
        longer.push_back(choice);
        longer.back().push_back(i);
      }
    };
    for (const Choice& choice : choices) extend(choice, 0);
    extend(first, 1);
    first.push_back(0);
    choices = std::move(longer);
  }
  std::vector<Encoding> further;
  for (const Choice& choice : choices) {
    further.push_back(post_processor_.join(
        count == 2, add_special_tokens, [&](std::size_t place, bool is_second) -> const Sequence& {
          return windows[is_second][choice[place]];
        }));
  }
  if (lengths.padding) {
    LengthSpec same = lengths;
    if (!same.padding->fixed) same.padding->fixed = static_cast<std::int64_t>(padded);
    pad_all(same, further);
  }
  return further;
}

}  // namespace quatrain::tokenizer
