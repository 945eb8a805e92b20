// The windows behind the one that truncation keeps.
#include "tokenizer/lengths.h"
#include "tokenizer/scratch.h"

namespace quatrain::tokenizer {

std::vector<Encoding> Tokenizer::overflow(const Input& input, bool add_special_tokens,
                                          const LengthSpec& lengths, const SpecialRule& rule,
                                          std::size_t padded) const {
  if (!lengths.truncation) return {};
  Lease lease(*this);
  read(input, rule, *lease);
  const std::size_t count = input.pair ? 2 : 1;
  const auto length = fit(input, add_special_tokens, *lengths.truncation, *lease);
  std::array<std::vector<Sequence>, 2> windows;
  for (std::size_t i = 0; i < count; ++i) {
    const Sequence& text = (*lease).texts[i];
    windows[i].resize(count_windows(*lengths.truncation, length[i], text.size()));
    for (std::size_t j = 0; j < windows[i].size(); ++j) {
      const auto [begin, end] = window(*lengths.truncation, length[i], text.size(), j);
      windows[i][j].take(text, begin, end);
      post_processor_.trim(windows[i][j]);
    }
  }
  // Every choice of a window for each place but that of the first ones, in the peers' order.
  using Choice = std::vector<std::size_t>;
  std::vector<Choice> choices;
  Choice first;
  for (const bool is_second : post_processor_.places(count == 2)) {
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
