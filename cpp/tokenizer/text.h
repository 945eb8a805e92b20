// A text on its way to tokens, which never forgets where in the original each byte came from.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {

// Characters (code points) [begin, end) of the original text.
struct Span {
  std::uint32_t begin = 0, end = 0;
  bool operator==(const Span&) const = default;
};

// Bytes [begin, end) of a Text.
struct Piece {
  std::uint32_t begin = 0, end = 0;
  bool operator==(const Piece&) const = default;
};

// The text as the caller gave it, with the way from bytes to characters.
class Source {
 public:
  void assign(std::string_view bytes);
  std::string_view bytes() const { return bytes_; }

  // The character that byte `at` belongs to. Valid for at == size too: the number of characters.
  std::uint32_t character(std::size_t at) const {
    return is_ascii_ ? static_cast<std::uint32_t>(at) : character_[at];
  }

 private:
  std::string_view bytes_;
  bool is_ascii_ = true;
  std::vector<std::uint32_t> character_;
};

// Where each character of a text begins, in bytes; and the text's size.
std::vector<std::uint32_t> character_bytes(std::string_view text);

// A slice of the source, possibly edited since. Buffers are kept between uses.
class Text {
 public:
  void assign(const Source& source, std::size_t begin, std::size_t end) {
    source_ = &source;
    base_ = begin;
    is_edited_ = false;
    view_ = source.bytes().substr(begin, end - begin);
  }
  // A slice of another text.
  void assign(const Text& text, Piece piece);

  std::string_view view() const { return view_; }
  std::size_t size() const { return view_.size(); }
  std::string_view view(Piece piece) const {
    return view_.substr(piece.begin, piece.end - piece.begin);
  }

  // Where the (non-empty) bytes came from: from the origin of the first to that of the last.
  Span span(std::size_t begin, std::size_t end) const {
    if (is_edited_) return {spans_[begin].begin, spans_[end - 1].end};
    return {source_->character(base_ + begin), source_->character(base_ + end - 1) + 1};
  }
  Span span(std::size_t at) const { return span(at, at + 1); }

  // The empty span where a text that normalizers edit begins.
  Span origin() const {
    const std::uint32_t begin = source_->character(base_);
    return {begin, begin};
  }

  // Refuses an edit that would make far more of the text than there was.
  void check_growth(std::size_t size) const;

  // Writes the edited text, character by character; commit() puts it in place.
  class Editor {
   public:
    explicit Editor(Text& text) : text_(text) {
      text_.next_.clear();
      text_.next_spans_.clear();
    }
    void push(char32_t c, Span from) {
      if (c < 0x80) {
        text_.next_.push_back(static_cast<char>(c));
        text_.next_spans_.push_back(from);
      } else {
        unicode::append(text_.next_, c);
        text_.next_spans_.resize(text_.next_.size(), from);
      }
    }
    // Writes a string, all of it from one place.
    void write(std::string_view string, Span from) {
      text_.next_.append(string);
      text_.next_spans_.insert(text_.next_spans_.end(), string.size(), from);
    }
    // Writes the whole text with a string for each of the `count` bytes that are the given one.
    void replace(char byte, std::size_t count, std::string_view string);
    // Bytes [begin, end) of the text, whole characters, stay as they are.
    void copy(std::size_t begin, std::size_t end);
    std::uint32_t size() const { return static_cast<std::uint32_t>(text_.next_.size()); }
    void commit();

   private:
    Text& text_;
  };

 private:
  const Source* source_ = nullptr;
  std::size_t base_ = 0;
  bool is_edited_ = false;
  std::string_view view_;
  std::string bytes_, next_;
  std::vector<Span> spans_, next_spans_;  // one per byte, once edited
};

}  // namespace quatrain::tokenizer
