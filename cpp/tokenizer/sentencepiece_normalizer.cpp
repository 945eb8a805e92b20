#include "tokenizer/sentencepiece_normalizer.h"

#include "core/check.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

constexpr std::string_view kMark = "\u2581";

DoubleArray make_pieces(const std::vector<std::pair<std::string, std::uint32_t>>& pieces) {
  std::vector<DoubleArray::Entry> entries;
  for (const auto& [piece, id] : pieces) {
    check<TokenizerError>(unicode::is_valid(piece), "pieces", "a piece is not valid UTF-8");
    entries.emplace_back(piece, id);
  }
  return DoubleArray(std::move(entries));
}

// The characters of the new text and where in the old one each began.
class Draft {
 public:
  Draft(const Text& old, std::u32string& characters, std::vector<std::uint32_t>& origins)
      : old_(old), characters_(characters), origins_(origins) {}
  std::uint32_t origin(std::size_t at) const {
    return at < old_.size() ? old_.span(at).begin : old_.size() ? old_.span(at - 1).end : 0;
  }
  void push(char32_t c, std::size_t from) {
    characters_.push_back(c);
    origins_.push_back(origin(from));
  }

 private:
  const Text& old_;
  std::u32string& characters_;
  std::vector<std::uint32_t>& origins_;
};

}  // namespace

SentencePieceNormalizer::SentencePieceNormalizer(std::shared_ptr<const Charsmap> charsmap,
                                                 Options options)
    : charsmap_(std::move(charsmap)),
      options_(std::move(options)),
      user_defined_(make_pieces(options_.user_defined)) {}

Charsmap::Rule SentencePieceNormalizer::prefix(const Text& whole, std::size_t at,
                                               const SpecialGuard* guard) const {
  const std::string_view text = whole.view().substr(at);
  const std::size_t size =
      user_defined_
          .longest(text, 0, 0,
                   [&](const DoubleArray::Match& found) {
                     return !guard || !guard->bars(found.value, whole.span(at, at + found.end));
                   })
          .end;
  return size > 0 ? Charsmap::Rule{size, text.substr(0, size)} : rule(text);
}

Charsmap::Rule SentencePieceNormalizer::rule(std::string_view text) const {
  if (charsmap_ && charsmap_->has_rule(text[0])) {
    const Charsmap::Rule found = charsmap_->longest(text);
    if (found.size > 0) return found;
  }
  const std::size_t length = unicode::length(text[0]);
  return {length, text.substr(0, length)};
}

template <class Prefix, class Push>
void SentencePieceNormalizer::rewrite(std::size_t at, std::size_t end, bool is_behind_space,
                                      Prefix prefix, Push push) const {
  while (at < end) {
    const Charsmap::Rule found = prefix(at);
    std::string_view now = found.replacement;
    while (is_behind_space && now.starts_with(' ')) now.remove_prefix(1);
    if (!now.empty()) {
      is_behind_space = options_.remove_extra_whitespaces && now.ends_with(' ');
      push(now, at);
    }
    at += found.size;
  }
}

void SentencePieceNormalizer::append(std::string_view stretch, bool is_behind_space,
                                     std::string& out) const {
  const auto prefix = [&](std::size_t at) { return rule(stretch.substr(at)); };
  rewrite(0, stretch.size(), is_behind_space, prefix, [&](std::string_view now, std::size_t) {
    for (const char c : now) {
      if (c == ' ' && options_.escape_whitespaces) {
        out += kMark;
      } else {
        out += c;
      }
    }
  });
}

void SentencePieceNormalizer::apply(Text& text, const SpecialGuard* guard) const {
  const std::string_view view = text.view();
  const char32_t space = options_.escape_whitespaces ? U'\u2581' : U' ';
  const bool removes = options_.remove_extra_whitespaces;
  std::size_t at = 0;
  while (removes && at < view.size()) {
    const Charsmap::Rule found = prefix(text, at, guard);
    if (found.replacement != " ") break;
    at += found.size;
  }
  std::u32string characters;
  std::vector<std::uint32_t> origins;
  Draft draft(text, characters, origins);
  if (at < view.size()) {
    if (options_.add_dummy_prefix && !options_.whitespace_as_suffix) draft.push(space, at);
    const auto rule_at = [&](std::size_t place) { return prefix(text, place, guard); };
    rewrite(at, view.size(), removes, rule_at, [&](std::string_view now, std::size_t from) {
      for (std::size_t i = 0; i < now.size();) {
        const char32_t c = unicode::decode(now, i);
        draft.push(c == U' ' ? space : c, from);
      }
    });
    std::uint32_t end = draft.origin(view.size());
    while (removes && !characters.empty() && characters.back() == space) {
      end = origins.back();
      characters.pop_back();
      origins.pop_back();
    }
    if (options_.add_dummy_prefix && options_.whitespace_as_suffix) {
      characters.push_back(space);
      origins.push_back(end);
    }
    origins.push_back(end);
  }
  Text::Editor editor(text);
  for (std::size_t i = 0; i < characters.size(); ++i) {
    editor.push(characters[i], {origins[i], origins[i + 1]});
  }
  editor.commit();
}

}  // namespace quatrain::tokenizer
