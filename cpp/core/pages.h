// Large memory that is zero at first and costs nothing until it is touched.
#pragma once
#include <cstddef>
#include <memory>
#include <utility>

namespace quatrain {

// In huge pages where the system has them on request: a table larger than one is looked into
// anywhere, and there are only so many pages that a processor finds at once.
class Pages {
 public:
  Pages() = default;  // none
  explicit Pages(std::size_t bytes);
  ~Pages();
  Pages(Pages&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  Pages& operator=(Pages&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  // Aligned to 64 bytes at least.
  void* data() const { return data_; }
  // Keeps the first `bytes`, and gives back of the others what the system takes.
  void shrink(std::size_t bytes);

 private:
  void* memory_ = nullptr;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;  // of memory_
};

// Such memory, aligned to 64 bytes, side by side with what this thread asked for before: what is
// small is in huge pages, too. Pages go back when nobody holds a piece of them.
std::shared_ptr<void> allocate_together(std::size_t bytes);

// Memory as malloc() gives it, but pages if it is large: most of what new memory costs is paid by
// the page when it is touched first. Throws std::bad_alloc.
void* allocate(std::size_t bytes);
// Keeps the first `bytes` of such memory, and returns where they are.
void* shrink(void* memory, std::size_t bytes);
void deallocate(void* memory);

}  // namespace quatrain
