// The panel at the side of a conversation: model, system instruction, sampling, thinking, form of the answer, functions.
import type { ModelInfo } from '../api/geminiTypes.ts'
import { access } from '../api/http.ts'
import { useStore } from '../lib/store.ts'
import { NumberField, Section, Segmented, Select, Switch, TextField } from '../ui/controls.tsx'
import { checkSchema, checkTools } from './checks.ts'
import { choiceList, type Settings } from './settings.ts'

interface PanelProps {
  settings: Settings
  models: ModelInfo[]
  /** The one that answers. */
  model: ModelInfo | undefined
  onChange: (change: Partial<Settings>) => void
}

export function SettingsPanel({ settings, models, model, onChange }: PanelProps) {
  return (
    <div class="panel-body">
      <Select
        label="Model"
        value={model?.name ?? ''}
        options={models.map(({ name, displayName }) => [name, displayName ?? name.replace(/^models\//, '')])}
        onChange={(name) => onChange({ model: name.replace(/^models\//, '') })}
      />
      {model?.description && <p class="hint">{model.description}</p>}
      <TextField
        label="System instruction"
        rows={4}
        placeholder="How it should answer"
        value={settings.system}
        onChange={(system) => onChange({ system })}
      />
      <Sampling {...{ settings, model, onChange }} />
      <Section title="Thinking and media">
        <Segmented
          label="Thinking"
          value={settings.thinking}
          options={[
            ['default', 'Auto'],
            ['off', 'Off'],
            ['free', 'Free'],
            ['budget', 'Budget'],
          ]}
          onChange={(thinking) => onChange({ thinking })}
        />
        {settings.thinking === 'budget' && (
          <NumberField
            label="Tokens of thought"
            value={settings.thinkingBudget}
            onChange={(budget) => onChange({ thinkingBudget: budget ?? 1024 })}
            min={1}
            max={1_000_000}
            step={1}
          />
        )}
        <Select
          label="Detail of pictures"
          value={settings.resolution}
          options={[
            ['', 'Auto'],
            ['LOW', 'Low'],
            ['MEDIUM', 'Medium'],
            ['HIGH', 'High'],
            ['ULTRA_HIGH', 'Ultra high'],
          ]}
          onChange={(resolution) => onChange({ resolution })}
        />
        <Switch label="May draw pictures" on={settings.pictures} onChange={(pictures) => onChange({ pictures })} />
      </Section>
      <AnswerForm {...{ settings, onChange }} />
      <Functions {...{ settings, onChange }} />
      <AccessKey />
    </div>
  )
}

type PartProps = Pick<PanelProps, 'settings' | 'onChange'>

function Sampling({ settings, model, onChange }: PartProps & { model: ModelInfo | undefined }) {
  return (
    <Section title="Sampling" open>
      <NumberField
        label="Temperature"
        value={settings.temperature}
        onChange={(temperature) => onChange({ temperature })}
        min={0}
        max={2}
        step={0.05}
        slider={1}
      />
      <NumberField
        label="Top-p"
        value={settings.topP}
        onChange={(topP) => onChange({ topP })}
        min={0}
        max={1}
        step={0.01}
        slider={1}
      />
      <NumberField
        label="Top-k"
        value={settings.topK}
        onChange={(topK) => onChange({ topK })}
        min={1}
        max={1_000_000}
        step={1}
      />
      <NumberField
        label="Most tokens"
        value={settings.maxTokens}
        onChange={(maxTokens) => onChange({ maxTokens })}
        min={1}
        max={model?.outputTokenLimit ?? 1_000_000}
        step={1}
      />
      <NumberField
        label="Seed"
        value={settings.seed}
        onChange={(seed) => onChange({ seed })}
        min={0}
        max={2 ** 31 - 1}
        step={1}
        placeholder="drawn"
      />
      <TextField
        label="Stop at (one a line)"
        rows={2}
        code
        value={settings.stop.join('\n')}
        onChange={(text) => onChange({ stop: text === '' ? [] : text.split('\n') })}
      />
    </Section>
  )
}

function AnswerForm({ settings, onChange }: PartProps) {
  const { format, schema, choices } = settings
  const problem = format === 'json' ? checkSchema(schema).problems[0] : ''
  return (
    <Section title="Form of the answer" open={format !== 'text'}>
      <Segmented
        label="Answer as"
        value={format}
        options={[
          ['text', 'Text'],
          ['json', 'JSON'],
          ['choice', 'Choice'],
        ]}
        onChange={(next) => onChange({ format: next })}
      />
      {format === 'json' && (
        <>
          <TextField
            label="JSON Schema"
            rows={10}
            code
            value={schema}
            problem={problem}
            onChange={(text) => onChange({ schema: text })}
          />
          {!problem && <p class="hint">The answer will match this schema, token by token.</p>}
        </>
      )}
      {format === 'choice' && (
        <TextField
          label="Choices (one a line)"
          rows={4}
          value={choices}
          problem={choiceList(choices).length === 0 ? 'There must be at least one.' : ''}
          onChange={(text) => onChange({ choices: text })}
        />
      )}
    </Section>
  )
}

function Functions({ settings, onChange }: PartProps) {
  const { value, problems } = checkTools(settings.declarations)
  const count = problems.length === 0 && Array.isArray(value) ? value.length : 0
  return (
    <Section title="Functions" open={settings.tools}>
      <Switch label="Offer functions" on={settings.tools} onChange={(tools) => onChange({ tools })} />
      {settings.tools && (
        <>
          <Segmented
            label="Calls"
            value={settings.toolMode}
            options={[
              ['AUTO', 'May'],
              ['ANY', 'Must'],
              ['NONE', 'Must not'],
            ]}
            onChange={(toolMode) => onChange({ toolMode })}
          />
          <TextField
            label="Declarations (JSON)"
            rows={12}
            code
            value={settings.declarations}
            problem={problems[0]}
            onChange={(declarations) => onChange({ declarations })}
          />
          {problems.length === 0 && (
            <p class="hint">
              {count === 1 ? 'One function' : `${count} functions`}. A call waits in the conversation until you type its
              result.
            </p>
          )}
        </>
      )}
    </Section>
  )
}

function AccessKey() {
  const { key } = useStore(access)
  return (
    <Section title="Access">
      <form class="field" onSubmit={(event) => event.preventDefault()}>
        <label class="field-label" for="access-key">
          API key
        </label>
        <input
          id="access-key"
          type="password"
          autocomplete="off"
          placeholder="only if the server asks for one"
          value={key}
          onInput={(event) => access.set({ key: event.currentTarget.value })}
        />
      </form>
      <p class="hint">Kept in this browser, sent to this server only.</p>
    </Section>
  )
}
