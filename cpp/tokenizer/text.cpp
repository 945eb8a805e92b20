#include "tokenizer/text.h"

#include <algorithm>

#include "core/check.h"

namespace quatrain::tokenizer {
namespace {

// A file may double a text again and again.
constexpr std::size_t kMostGrowth = 256;

}  // namespace

void Source::assign(std::string_view bytes) {
  bytes_ = bytes;
  is_ascii_ = std::all_of(bytes.begin(), bytes.end(),
                          [](char c) { return static_cast<signed char>(c) >= 0; });
  if (is_ascii_) return;
  character_.resize(bytes.size() + 1);
  std::uint32_t index = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (at > 0 && !unicode::is_continuation(bytes[at])) ++index;
    character_[at] = index;
  }
  character_[bytes.size()] = index + 1;
}

std::vector<std::uint32_t> character_bytes(std::string_view text) {
  std::vector<std::uint32_t> begins;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!unicode::is_continuation(text[at])) begins.push_back(static_cast<std::uint32_t>(at));
  }
  begins.push_back(static_cast<std::uint32_t>(text.size()));
  return begins;
}

void Text::assign(const Text& text, Piece piece) {
  source_ = text.source_;
  is_edited_ = text.is_edited_;
  if (is_edited_) {
    bytes_.assign(text.view(piece));
    spans_.assign(text.spans_.begin() + piece.begin, text.spans_.begin() + piece.end);
    view_ = bytes_;
  } else {
    base_ = text.base_ + piece.begin;
    view_ = text.view(piece);
  }
}

void Text::check_growth(std::size_t size) const {
  const std::size_t most = kMostGrowth * (source_->bytes().size() + 4096);
  check(size < std::min<std::size_t>(most, UINT32_MAX), "encode", "the tokenizer makes ", size,
        " bytes of a text of ", source_->bytes().size());
}

void Text::Editor::replace(char byte, std::size_t count, std::string_view string) {
  const std::size_t size = text_.size() + count * string.size() - count;
  text_.next_.resize(size);
  text_.next_spans_.resize(size);
  char* to = text_.next_.data();
  Span* span = text_.next_spans_.data();
  for (std::size_t at = 0; at < text_.size(); ++at) {
    const char c = text_.view_[at];
    const Span from = text_.span(at);
    if (c == byte) {
      to = std::copy(string.begin(), string.end(), to);
      span = std::fill_n(span, string.size(), from);
    } else {
      *to++ = c;
      *span++ = from;
    }
  }
}

void Text::Editor::copy(std::size_t begin, std::size_t end) {
  text_.next_.append(text_.view_, begin, end - begin);
  auto& spans = text_.next_spans_;
  if (text_.is_edited_) {
    const auto from = text_.spans_.begin();
    spans.insert(spans.end(), from + static_cast<std::ptrdiff_t>(begin),
                 from + static_cast<std::ptrdiff_t>(end));
    return;
  }
  const std::size_t size = spans.size();
  spans.resize(size + end - begin);
  Span* to = spans.data() + size;
  for (; begin < end; ++begin) *to++ = text_.span(begin);
}

void Text::Editor::commit() {
  text_.check_growth(text_.next_.size());
  std::swap(text_.bytes_, text_.next_);
  std::swap(text_.spans_, text_.next_spans_);
  text_.view_ = text_.bytes_;
  text_.is_edited_ = true;
}

}  // namespace quatrain::tokenizer
