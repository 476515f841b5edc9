// Exports the native tokenizer to JavaScript: trainers and encoders by number.
//
// A number names one object of this process until it is freed; src/tokenizer/native.ts owns them and trusts
// nobody else with them. One object must not be used by two threads at a time.
#include <algorithm>
#include <memory>
#include <mutex>
#include "binding/bind.h"
#include "tokenizer/encoder.h"
#include "tokenizer/trainer.h"

namespace pollux::binding {
namespace {

using tokenizer::Encoder;
using tokenizer::SplitPattern;
using tokenizer::Trainer;

template <class T> class Registry {
 public:
  int32_t add(std::unique_ptr<T> object) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto free = std::find(objects_.begin(), objects_.end(), nullptr);
    if (free == objects_.end()) free = objects_.insert(free, nullptr);
    *free = std::move(object);
    return int32_t(free - objects_.begin());
  }
  T& at(int32_t number) {
    std::lock_guard<std::mutex> lock(mutex_);
    return *objects_.at(size_t(number));
  }
  void remove(int32_t number) {
    std::lock_guard<std::mutex> lock(mutex_);
    objects_.at(size_t(number)).reset();
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> objects_;
};

Registry<Trainer>& trainers() {
  static auto* registry = new Registry<Trainer>();
  return *registry;
}
Registry<Encoder>& encoders() {
  static auto* registry = new Registry<Encoder>();
  return *registry;
}

std::vector<std::string> strings(const uint8_t* bytes, const uint32_t* ends, int64_t count) {
  std::vector<std::string> list;
  for (int64_t i = 0, from = 0; i < count; from = ends[i++]) list.emplace_back(bytes + from, bytes + ends[i]);
  return list;
}

void define_trainer(napi_env env, napi_value exports) {
  define(env, exports, "bpeTrainer",
         +[](int32_t pattern) { return trainers().add(std::make_unique<Trainer>(SplitPattern(pattern))); });
  define(env, exports, "bpeTrainerFree", +[](int32_t trainer) { trainers().remove(trainer); });
  define(env, exports, "bpeAddText",
         +[](int32_t trainer, const uint8_t* bytes, int64_t n) { trainers().at(trainer).add_text(bytes, size_t(n)); });
  define(env, exports, "bpeAddChunks",
         +[](int32_t trainer, const uint8_t* bytes, const uint32_t* ends, int64_t count) {
           trainers().at(trainer).add_chunks(bytes, ends, size_t(count));
         });
  define(env, exports, "bpeTrain",
         +[](int32_t trainer, int64_t wanted, const uint8_t* banned, const uint32_t* banned_ends, int64_t num_banned,
             int32_t* merges) {
           Trainer& t = trainers().at(trainer);
           if (t.distinct_bytes() >= Trainer::kMostDistinctBytes) return int64_t(-1);
           const auto learnt = t.train(size_t(wanted), strings(banned, banned_ends, num_banned));
           for (size_t i = 0; i < learnt.size(); i++) {
             merges[2 * i] = learnt[i].first;
             merges[2 * i + 1] = learnt[i].second;
           }
           return int64_t(learnt.size());
         });
}

void define_encoder(napi_env env, napi_value exports) {
  define(env, exports, "bpeEncoder",
         +[](const int32_t* byte_ids, const int32_t* merges, int64_t count, int32_t pattern) {
           return encoders().add(std::make_unique<Encoder>(byte_ids, merges, size_t(count), SplitPattern(pattern)));
         });
  define(env, exports, "bpeEncoderFree", +[](int32_t encoder) { encoders().remove(encoder); });
  define(env, exports, "bpeEncode", +[](int32_t encoder, const uint8_t* bytes, int64_t n) {
    Encoder& e = encoders().at(encoder);
    e.encode(bytes, size_t(n));
    return int64_t(e.result().size());
  });
  define(env, exports, "bpeEncodeChunks",
         +[](int32_t encoder, const uint8_t* bytes, const uint32_t* ends, int64_t count) {
           Encoder& e = encoders().at(encoder);
           e.encode_chunks(bytes, ends, size_t(count));
           return int64_t(e.result().size());
         });
  define(env, exports, "bpeResult", +[](int32_t encoder, int32_t* ids) {
    Encoder& e = encoders().at(encoder);
    std::copy(e.result().begin(), e.result().end(), ids);
    e.forget_result();
  });
}

// Ends of the chunks of a text; `ends` has room for n.
int64_t split(int32_t pattern, const uint8_t* bytes, int64_t n, uint32_t* ends) {
  int64_t count = 0;
  tokenizer::with_scanner(SplitPattern(pattern), [&](const auto& scanner) {
    for (const uint8_t *p = bytes, *end = bytes + n; p < end; count++) {
      p = scanner.next(p, end);
      ends[count] = uint32_t(p - bytes);
    }
  });
  return count;
}

}  // namespace

void define_tokenizer(napi_env env, napi_value exports) {
  define_trainer(env, exports);
  define_encoder(env, exports);
  define(env, exports, "bpeSplit", split);
}

}  // namespace pollux::binding
