// A text of any length as documents, block by block: the same ids as those of each document alone.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace quatrain::tokenizer {

class DocumentEncoder {
 public:
  // Documents are cut into parts of about `part` bytes, where that changes no token.
  DocumentEncoder(std::shared_ptr<const Tokenizer> tokenizer, bool add_special_tokens,
                  SpecialRule rule, int threads, std::size_t part);

  // Ids end to end, and where documents that are complete now end among all ids so far.
  struct Output {
    std::vector<std::uint32_t> ids;
    std::vector<std::int64_t> ends;
  };
  // How many documents there were so far.
  std::uint64_t documents() const { return documents_; }
  // Whole documents.
  Output encode(std::span<const std::string_view> documents);
  // The next bytes of a UTF-8 text in which every document ends with a separator, or the last one
  // with the text; without a separator it is one document. What is not certain yet comes later.
  Output push(std::string_view block, std::string_view separator, bool is_last);

 private:
  // A part of a document, or the whole of it.
  struct Part {
    std::string_view text;
    std::uint64_t begin;  // in the document
    bool is_first, is_last;
  };
  // Adds the parts of a document's next text, and returns how much of it they are: all if it is
  // the last.
  std::size_t add(std::string_view text, bool is_last, std::vector<Part>& parts);
  Output encode(std::span<const Part> parts);
  // Moves valid_ on, and refuses what can become no UTF-8.
  void check_text(bool is_last);

  std::shared_ptr<const Tokenizer> tokenizer_;
  SpecialRule rule_;
  int threads_;
  std::size_t part_;
  std::vector<std::uint32_t> before_, behind_;  // the special tokens around a document

  std::string pending_;                                  // text that is not encoded yet
  std::size_t valid_ = 0;                                // how much of it is known to be UTF-8,
  std::size_t searched_ = 0;                             // and to hold no separator
  std::size_t uncut_ = 0;                                // and, behind a part, no cut
  std::uint64_t inside_ = 0;                             // bytes of the document before it
  bool is_inside_ = false;                               // a document of which parts are encoded
  std::uint64_t bytes_ = 0, lines_ = 0, documents_ = 0;  // before it
  std::int64_t tokens_ = 0;
};

}  // namespace quatrain::tokenizer
