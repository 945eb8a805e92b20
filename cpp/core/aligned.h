// Memory on 64-byte boundaries: one cache line, and the widest vector register.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace quatrain {

inline constexpr std::size_t kAlignment = 64;

inline void* aligned_allocate(std::size_t bytes) {
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, rounded == 0 ? kAlignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

struct AlignedFree {
  void operator()(void* memory) const { std::free(memory); }
};

// An uninitialised array of numbers.
template <class T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(std::size_t size)
      : data_(static_cast<T*>(aligned_allocate(size * sizeof(T)))), size_(size) {}

  T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

  // Scratch that only ever grows: the content is lost, the memory is reused.
  T* at_least(std::size_t size) {
    if (size > size_) *this = AlignedArray(size);
    return data();
  }

 private:
  std::unique_ptr<T, AlignedFree> data_;
  std::size_t size_ = 0;
};

using AlignedBuffer = AlignedArray<float>;

}  // namespace quatrain
