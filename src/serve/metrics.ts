// Metrics for Prometheus under the names of vLLM, so that people's dashboards work, and a few of our own.
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { EngineStats } from '../inference/index.ts'
import type { ChatUsage } from './chat.ts'

const seconds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640,
]
const counts = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000]

/** What is told of an answer when it ends. */
export interface AnswerRecord {
  model: string
  reason: string
  usage: ChatUsage
  /** Seconds from the request to the end, and to the first piece if there was one. */
  seconds: number
  firstSeconds?: number
  times: { queue: number; prefill: number; decode: number }
}

export class ServeMetrics {
  readonly registry = new Registry()
  readonly #stats: (() => Promise<EngineStats>) | undefined
  readonly #labels: { model_name: string }
  readonly #gauges = new Map<string, Gauge>()
  readonly #counters = new Map<string, Counter>()
  readonly #histograms = new Map<string, Histogram>()

  /** @param stats of the engine, asked whenever the metrics are read */
  constructor(model: string, stats?: () => Promise<EngineStats>) {
    this.#labels = { model_name: model }
    this.#stats = stats
  }

  /** An answer has ended. */
  answered({ reason, usage, seconds: whole, firstSeconds, times }: AnswerRecord): void {
    const prompt = Object.values(usage.prompt).reduce((sum, tokens) => sum + tokens, 0)
    const written = usage.answer + usage.thoughts + usage.images
    this.#counter('vllm:request_success_total', 'Answers that ended', ['finished_reason']).inc(
      { ...this.#labels, finished_reason: reason },
      1,
    )
    this.#observe('vllm:e2e_request_latency_seconds', 'Seconds from request to end', seconds, whole)
    if (firstSeconds !== undefined) {
      this.#observe('vllm:time_to_first_token_seconds', 'Seconds from request to first output', seconds, firstSeconds)
      if (written > 1) {
        const each = (whole - firstSeconds) / (written - 1)
        this.#observe('vllm:time_per_output_token_seconds', 'Mean seconds a token after the first', seconds, each)
      }
    }
    this.#observe('vllm:request_queue_time_seconds', 'Seconds in the queue', seconds, times.queue / 1000)
    this.#observe('vllm:request_prefill_time_seconds', 'Seconds reading the prompt', seconds, times.prefill / 1000)
    this.#observe('vllm:request_decode_time_seconds', 'Seconds writing', seconds, times.decode / 1000)
    this.#observe('vllm:request_prompt_tokens', 'Tokens of a prompt', counts, prompt)
    this.#observe('vllm:request_generation_tokens', 'Tokens of an answer', counts, written)
    for (const [modality, tokens] of Object.entries(usage.prompt)) {
      this.#counter('pollux:prompt_tokens_by_modality_total', 'Tokens read', ['modality']).inc(
        { ...this.#labels, modality },
        tokens,
      )
    }
  }

  /** Seconds between two pieces of a stream. */
  between(value: number): void {
    this.#observe('vllm:inter_token_latency_seconds', 'Seconds between outputs', seconds, value)
  }

  /** An HTTP request has ended. */
  http(protocol: string, status: number): void {
    this.#counter('pollux:http_requests_total', 'HTTP requests', ['protocol', 'status']).inc(
      { ...this.#labels, protocol, status: String(status) },
      1,
    )
  }

  /** The text of /metrics. */
  async text(): Promise<string> {
    if (this.#stats) this.#setStats(await this.#stats())
    return this.registry.metrics()
  }

  #setStats({ running, waiting, preemptions, pages, prefix, tokens, batch, expertLoad }: EngineStats): void {
    this.#set('vllm:num_requests_running', 'Requests that are being read or written', running)
    this.#set('vllm:num_requests_waiting', 'Requests in the queue', waiting)
    this.#total('vllm:num_preemptions_total', 'Times that a request gave its pages up', preemptions)
    this.#set('vllm:kv_cache_usage_perc', 'Share of pages that requests use', pages.used / Math.max(1, pages.total))
    this.#total('vllm:prefix_cache_queries_total', 'Tokens looked up in the prefix cache', prefix.queryTokens)
    this.#total('vllm:prefix_cache_hits_total', 'Tokens found in the prefix cache', prefix.hitTokens)
    this.#total('vllm:prompt_tokens_total', 'Tokens read', tokens.prompt)
    this.#total('vllm:generation_tokens_total', 'Tokens written', tokens.output)
    this.#total('vllm:spec_decode_num_draft_tokens_total', 'Tokens drafted', tokens.drafted)
    this.#total('vllm:spec_decode_num_accepted_tokens_total', 'Drafted tokens kept', tokens.accepted)
    this.#total('pollux:forced_tokens_total', 'Tokens that a grammar left no choice of', tokens.forced)
    this.#set('pollux:batch_size', 'Sequences in the latest step', batch)
    this.#set('pollux:kv_bytes_used', 'Bytes of pages in use', pages.used)
    this.#set('pollux:kv_bytes_kept', 'Bytes of pages kept for later requests', pages.kept)
    this.#set('pollux:kv_bytes_lost', 'Bytes of pages that nobody holds: 0 unless something is wrong', pages.lost)
    this.#set('pollux:prefix_pinned', 'Nodes of the prefix tree that stay until they are unpinned', prefix.pinned)
    this.#set('pollux:prefix_nodes', 'Nodes of the prefix tree', prefix.nodes)
    const load = this.#counter('pollux:expert_load_total', 'Rows that an expert read', ['layer', 'expert'])
    load.reset()
    expertLoad.forEach((experts, layer) =>
      experts.forEach((rows, expert) =>
        load.inc({ ...this.#labels, layer: String(layer), expert: String(expert) }, rows),
      ),
    )
  }

  #counter(name: string, help: string, labels: string[] = []): Counter {
    let counter = this.#counters.get(name)
    if (!counter) {
      counter = new Counter({ name, help, labelNames: ['model_name', ...labels], registers: [this.registry] })
      this.#counters.set(name, counter)
    }
    return counter
  }

  /** A count that the engine keeps itself. */
  #total(name: string, help: string, value: number): void {
    const counter = this.#counter(name, help)
    counter.reset()
    counter.inc(this.#labels, value)
  }

  #set(name: string, help: string, value: number): void {
    let gauge = this.#gauges.get(name)
    if (!gauge) {
      gauge = new Gauge({ name, help, labelNames: ['model_name'], registers: [this.registry] })
      this.#gauges.set(name, gauge)
    }
    gauge.set(this.#labels, value)
  }

  #observe(name: string, help: string, buckets: number[], value: number): void {
    let histogram = this.#histograms.get(name)
    if (!histogram) {
      histogram = new Histogram({ name, help, buckets, labelNames: ['model_name'], registers: [this.registry] })
      this.#histograms.set(name, histogram)
    }
    histogram.observe(this.#labels, value)
  }
}
