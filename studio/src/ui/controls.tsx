// Buttons, switches and fields, each with a label that a screen reader finds.
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useState } from 'preact/hooks'
import { Icon, type IconName } from './icons.tsx'

interface IconButtonProps {
  icon: IconName
  /** What it does; also its tooltip. */
  label: string
  onClick: () => void
  disabled?: boolean
  pressed?: boolean
  size?: number
}

export function IconButton({ icon, label, onClick, disabled, pressed, size = 18 }: IconButtonProps) {
  return (
    <button
      type="button"
      class="icon-button"
      title={label}
      aria-label={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} size={size} />
    </button>
  )
}

interface ChoiceProps<T extends string> {
  label: string
  value: T
  options: readonly (readonly [value: T, text: string])[]
  onChange: (value: T) => void
  /** Leave the label to screen readers. */
  quiet?: boolean
}

/** One of a few, side by side. */
export function Segmented<T extends string>({ label, value, options, onChange, quiet }: ChoiceProps<T>) {
  const name = useId()
  return (
    <fieldset class="field">
      <legend class={quiet ? 'unseen' : 'field-label'}>{label}</legend>
      <div class="segmented">
        {options.map(([option, text]) => (
          <label key={option}>
            <input type="radio" name={name} checked={option === value} onChange={() => onChange(option)} />
            <span>{text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}

/** One of many. */
export function Select<T extends string>({ label, value, options, onChange, quiet }: ChoiceProps<T>) {
  const id = useId()
  return (
    <div class="field">
      <label class={quiet ? 'unseen' : 'field-label'} for={id}>
        {label}
      </label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}

export function Switch({ label, on, onChange }: { label: string; on: boolean; onChange: (on: boolean) => void }) {
  return (
    <label class="switch">
      <span>{label}</span>
      <input type="checkbox" role="switch" checked={on} onChange={(event) => onChange(event.currentTarget.checked)} />
    </label>
  )
}

interface NumberFieldProps {
  label: string
  /** null: left to the model. */
  value: number | null
  onChange: (value: number | null) => void
  min: number
  max: number
  /** Whole numbers with 1. */
  step: number
  /** Draw a slider too, and where it stands while nothing is chosen. */
  slider?: number
  placeholder?: string
}

/** A number that may be left out. What is no number in the range is marked and not taken. */
export function NumberField({ label, value, onChange, min, max, step, slider, placeholder }: NumberFieldProps) {
  const id = useId()
  const [text, setText] = useState(value === null ? '' : String(value))
  useEffect(() => setText((now) => (toNumber(now) === value ? now : value === null ? '' : String(value))), [value])
  const isGood = (number: number | null) =>
    number === null || (number >= min && number <= max && (step < 1 || Number.isInteger(number)))
  const take = (typed: string) => {
    setText(typed)
    const number = toNumber(typed)
    if (isGood(number)) onChange(number)
  }
  const bad = !isGood(toNumber(text))
  return (
    <div class="field number">
      <label class="field-label" for={id}>
        {label}
      </label>
      <input
        id={id}
        type="text"
        inputMode="decimal"
        autocomplete="off"
        value={text}
        placeholder={placeholder ?? 'auto'}
        aria-invalid={bad}
        title={bad ? `from ${min} to ${max}` : undefined}
        onInput={(event) => take(event.currentTarget.value)}
      />
      {slider !== undefined && (
        <input
          type="range"
          aria-label={`${label}, slider`}
          {...{ min, max, step }}
          value={value ?? slider}
          class={value === null ? 'unset' : ''}
          onInput={(event) => take(event.currentTarget.value)}
        />
      )}
    </div>
  )
}

function toNumber(text: string): number | null {
  return text.trim() === '' ? null : Number(text)
}

interface TextFieldProps {
  label: string
  value: string
  onChange: (value: string) => void
  rows?: number
  code?: boolean
  placeholder?: string
  /** What is wrong with it; '' or undefined: nothing. */
  problem?: string
}

export function TextField({ label, value, onChange, rows = 3, code, placeholder, problem }: TextFieldProps) {
  const id = useId()
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
      </label>
      <textarea
        id={id}
        rows={rows}
        class={code ? 'code-input' : ''}
        spellcheck={!code}
        placeholder={placeholder}
        value={value}
        aria-invalid={Boolean(problem)}
        aria-describedby={`${id}-problem`}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      <p id={`${id}-problem`} class="problem" role="status">
        {problem}
      </p>
    </div>
  )
}

/** A part of a panel that folds. */
export function Section({ title, open, children }: { title: string; open?: boolean; children: ComponentChildren }) {
  return (
    <details class="section" open={open}>
      <summary>
        <Icon name="right" size={14} />
        {title}
      </summary>
      <div class="section-body">{children}</div>
    </details>
  )
}

/** A figure with its name. */
export function Tile({ name, value, note }: { name: string; value: ComponentChildren; note?: ComponentChildren }) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>{value}</dd>
      {note !== undefined && <p>{note}</p>}
    </div>
  )
}

/** What to say where there is nothing. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  )
}
