// oneDNN's matrix product as a peer: reads one JSON question a line, answers one JSON line (see peer.ts).
//
//   {"do":"prepare","dtype":"bf16","form":"forward","m":512,"k":512,"n":512,"seed":1}
//       makes the inputs and the primitive, checks sampled entries against float64; answers {"error_max":...},
//       or {"unsupported":1} where the instruction set has no such product
//   {"do":"sample","iterations":10}    answers {"seconds": of one product}
//
// Forms, for rows X [M,K], weights W [N,K], output gradients dY [M,N]:
//   forward      Y [M,N]  = X W^T      W in the format oneDNN prefers, reordered before the clock starts
//   grad_input   dX [M,K] = dY W       likewise
//   grad_weight  dW [N,K] = dY^T X     both operands as they lie in memory; float32 result
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>
#include <unordered_map>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

using dnnl::memory;

static float to_float(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

static uint16_t to_bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

static float element(const memory& m, int64_t i) {
  return m.get_desc().data.data_type == dnnl_bf16 ? to_float(static_cast<uint16_t*>(m.get_data_handle())[i])
                                                  : static_cast<float*>(m.get_data_handle())[i];
}

static void fill(memory& m, int64_t size, bool half, uint32_t& state) {
  for (int64_t i = 0; i < size; i++) {
    state = state * 1664525u + 1013904223u;
    float value = float(int32_t(state)) / 2147483648.0f;
    if (half) static_cast<uint16_t*>(m.get_data_handle())[i] = to_bf16(value);
    else static_cast<float*>(m.get_data_handle())[i] = value;
  }
}

// A string or number behind "key": in a flat JSON object.
static std::string field(const std::string& line, const std::string& key) {
  size_t at = line.find("\"" + key + "\":");
  if (at == std::string::npos) return "";
  at += key.size() + 3;
  if (line[at] == '"') return line.substr(at + 1, line.find('"', at + 1) - at - 1);
  return line.substr(at, line.find_first_of(",}", at) - at);
}

struct Product {
  dnnl::matmul primitive;
  std::unordered_map<int, memory> arguments;
};

static Product prepare(const dnnl::engine& engine, dnnl::stream& stream, const std::string& line, double& error_max) {
  const bool half = field(line, "dtype") == "bf16";
  const std::string form = field(line, "form");
  const int64_t m = std::stoll(field(line, "m")), k = std::stoll(field(line, "k")), n = std::stoll(field(line, "n"));
  uint32_t state = uint32_t(std::stoll(field(line, "seed")));
  const auto type = half ? memory::data_type::bf16 : memory::data_type::f32;
  // rows x inner x columns of the product, and the strides (row, column) of its operands
  const bool forward = form == "forward", weight = form == "grad_weight";
  const int64_t rows = weight ? n : m, inner = forward ? k : weight ? m : n, columns = forward ? n : k;
  const memory::dims a_strides = weight ? memory::dims{1, n} : memory::dims{inner, 1};
  const memory::dims b_strides = forward ? memory::dims{1, k} : memory::dims{columns, 1};
  const auto out_type = weight ? memory::data_type::f32 : type;
  memory::desc a_desc({rows, inner}, type, a_strides), b_desc({inner, columns}, type, b_strides);
  memory::desc c_desc({rows, columns}, out_type, memory::dims{columns, 1});
  memory::desc b_any = weight ? b_desc : memory::desc({inner, columns}, type, memory::format_tag::any);
#if DNNL_VERSION_MAJOR >= 3
  dnnl::matmul::primitive_desc description(engine, a_desc, b_any, c_desc);
#else
  dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a_desc, b_any, c_desc), engine);
#endif
  memory a(a_desc, engine), b(b_desc, engine), c(c_desc, engine);
  fill(a, rows * inner, half, state);
  fill(b, inner * columns, half, state);
  memory packed = b;
  if (description.weights_desc() != b_desc) {
    packed = memory(description.weights_desc(), engine);
    dnnl::reorder(b, packed).execute(stream, b, packed);
    stream.wait();
  }
  Product product{dnnl::matmul(description), {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, c}}};
  product.primitive.execute(stream, product.arguments);
  stream.wait();
  error_max = 0;
  for (int sample = 0; sample < 64; sample++) {
    state = state * 1664525u + 1013904223u;
    const int64_t i = state % rows, j = (state >> 8) % columns;
    double sum = 0, size = 0;
    for (int64_t kk = 0; kk < inner; kk++) {
      const double term = double(element(a, i * a_strides[0] + kk * a_strides[1])) * element(b, kk * b_strides[0] + j * b_strides[1]);
      sum += term;
      size += std::fabs(term);
    }
    error_max = std::fmax(error_max, std::fabs(element(c, i * columns + j) - sum) / (size + 1e-30));
  }
  return product;
}

int main() {
  dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  std::printf("{\"name\":\"oneDNN %d.%d.%d\",\"isa\":%d}\n", DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH,
              int(dnnl::get_effective_cpu_isa()));
  std::fflush(stdout);
  Product product;
  std::string line;
  while (std::getline(std::cin, line)) {
    try {
      if (field(line, "do") == "prepare") {
        double error_max = 0;
        product = prepare(engine, stream, line, error_max);
        std::printf("{\"error_max\":%.3e}\n", error_max);
      } else {
        const int64_t iterations = std::stoll(field(line, "iterations"));
        const auto start = std::chrono::steady_clock::now();
        for (int64_t i = 0; i < iterations; i++) {
          product.primitive.execute(stream, product.arguments);
          stream.wait();
        }
        const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
        std::printf("{\"seconds\":%.9e}\n", elapsed.count() / double(iterations));
      }
    } catch (const dnnl::error& error) {
      if (error.status == dnnl_unimplemented) std::printf("{\"unsupported\":1}\n");
      else std::printf("{\"error\":\"%s\"}\n", error.what());
    } catch (const std::exception& error) {
      std::printf("{\"error\":\"%s\"}\n", error.what());
    }
    std::fflush(stdout);
  }
}
