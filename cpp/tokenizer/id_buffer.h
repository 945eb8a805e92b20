// Ids as they are made: a vector that does not clear its memory and can give it away.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "core/pages.h"

namespace quatrain::tokenizer {

class IdBuffer {
 public:
  struct Free {
    void operator()(std::uint32_t* memory) const { deallocate(memory); }
  };

  IdBuffer() = default;
  IdBuffer(IdBuffer&& other) noexcept
      : data_(std::move(other.data_)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  IdBuffer& operator=(IdBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::uint32_t* data() { return data_.get(); }
  std::span<const std::uint32_t> ids(std::size_t from = 0) const {
    return {data_.get() + from, size_ - from};
  }

  // Room for `count` more at end(), which advance() then makes part of it.
  void reserve(std::size_t count) {
    if (capacity_ - size_ < count) [[unlikely]]
      grow(size_ + count);
  }
  std::uint32_t* end() { return data_.get() + size_; }
  void advance(std::size_t count) { size_ += count; }

  void push(std::uint32_t id) {
    reserve(1);
    data_[size_++] = id;
  }
  void append(std::span<const std::uint32_t> ids) {
    reserve(ids.size());
    if (!ids.empty()) std::memcpy(end(), ids.data(), ids.size_bytes());
    size_ += ids.size();
  }
  // The same for up to `most`, of which there is memory to read anyway.
  template <std::size_t most>
  void append_few(std::span<const std::uint32_t> ids) {
    reserve(most);
    for (std::size_t i = 0; i < most; ++i) end()[i] = ids.data()[i];
    size_ += ids.size();
  }
  // Puts other ids in the place of those in [begin, end).
  void replace(std::size_t begin, std::size_t end, std::span<const std::uint32_t> ids) {
    const std::size_t size = size_ - (end - begin) + ids.size();
    if (size > size_) reserve(size - size_);
    std::memmove(data_.get() + begin + ids.size(), data_.get() + end,
                 (size_ - end) * sizeof *data());
    std::copy(ids.begin(), ids.end(), data_.get() + begin);
    size_ = size;
  }
  // Of those from `first` on, keeps only those in [begin, end).
  void keep(std::size_t first, std::size_t begin, std::size_t end) {
    std::memmove(data_.get() + first, data_.get() + begin, (end - begin) * sizeof *data());
    size_ = first + end - begin;
  }
  // Keeps the first `size`.
  void shorten(std::size_t size) { size_ = size; }

  // The memory, which the buffer forgets. Of an empty buffer it may be null.
  std::unique_ptr<std::uint32_t[], Free> release() {
    if (size_ < capacity_ && size_ > 0) shrink();
    size_ = capacity_ = 0;
    return std::move(data_);
  }

 private:
  void grow(std::size_t least) {
    const std::size_t capacity = std::max(least, capacity_ + capacity_ / 2 + 256);
    auto* memory = static_cast<std::uint32_t*>(allocate(capacity * sizeof(std::uint32_t)));
    std::copy_n(data_.get(), size_, memory);
    data_.reset(memory);
    capacity_ = capacity;
  }
  void shrink() {
    void* memory = quatrain::shrink(data_.release(), size_ * sizeof(std::uint32_t));
    data_.reset(static_cast<std::uint32_t*>(memory));
  }

  std::unique_ptr<std::uint32_t[], Free> data_;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace quatrain::tokenizer
