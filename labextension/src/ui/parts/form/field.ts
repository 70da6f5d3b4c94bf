/** One field of a form: its label, its input, and what is to be said beside it. */

import { css, html, nothing, type TemplateResult } from 'lit';
import { live } from 'lit/directives/live.js';

import type { OrbitError } from '../../channel/errors.js';
import type { UIField } from '../../wire/types.js';
import { plainTitle } from '../../text/format.js';
import type { Hint } from './limits.js';
import type { Choice, Choices } from './options.js';

/** How a field is doing, as the form knows it. */
export interface FieldState {
  value: unknown;
  /** What is wrong with it; empty: nothing that is known. */
  problem: string;
  hint: Hint | undefined;
  /** Null: they are being read. */
  choices: Choices | null;
  /** What may be typed, and needn't. */
  suggested: readonly Choice[] | undefined;
  change: (value: unknown) => void;
}

/** One row of a `custom_attributes` field. */
export type Attribute = [name: string, value: string];

export const fieldLook = css`
  .field {
    min-width: 0;
  }
  .field.check {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 8px;
    min-height: 28px;
  }
  .field.check input {
    margin: 0;
  }
  .field.check label {
    margin: 0;
    color: var(--o-text);
  }
  .field.check .said {
    flex-basis: 100%;
  }
  .label {
    color: var(--o-text-soft);
    margin-bottom: 3px;
  }
  .said {
    margin-top: 3px;
    font-size: var(--o-small);
    overflow-wrap: anywhere;
  }
  textarea {
    min-height: 72px;
    resize: vertical;
  }
  .attribute {
    display: grid;
    grid-template-columns: 1fr 1fr auto;
    gap: 4px;
    margin-bottom: 4px;
  }
`;

/** The server's word for Python; here there is a button, or no such thing. */
const FORCE = /; force=True submits it all the same$/;

/** What an error says, where it stands beside its field. */
export function saidBeside(error: OrbitError): string {
  const start = `${error.field}: `;
  const message = error.message.startsWith(start) ? error.message.slice(start.length) : error.message;
  return message.replace(FORCE, '');
}

export function isRequired(field: UIField): boolean {
  const free = field.type === 'checkbox' || field.type === 'hidden' || field.type === 'custom_attributes';
  return field.required !== false && !free;
}

export function fieldTemplate(field: UIField, state: FieldState): TemplateResult {
  const id = `f-${field.name}`;
  const said = state.problem || state.hint?.text;
  const look = { class: state.problem || state.hint?.bad ? 'bad' : 'soft', mark: state.problem ? '✕ ' : '' };
  const optional = !isRequired(field) && !fixed(field) && !/optional/i.test(field.placeholder ?? '');
  const words = html`${plainTitle(field.label) || field.name}${
    optional ? html` <span class="small">(optional)</span>` : nothing
  }`;
  const several = field.type === 'custom_attributes';
  const label = several
    ? html`<div class="label" id="label-${field.name}">${words}</div>`
    : html`<label for=${id}>${words}</label>`;
  const input = inputOf(field, state, id);
  const check = field.type === 'checkbox';
  return html`<div class="field ${check ? 'check' : ''} ${field.css_class || `field-${field.name}`}">
    ${check ? html`${input}${label}` : html`${label}${input}`}
    <div class="said ${look.class}" id="said-${field.name}" role=${state.problem ? 'alert' : nothing}>
      ${said ? `${look.mark}${said}` : nothing}
    </div>
  </div>`;
}

function fixed(field: UIField): boolean {
  return field.type === 'checkbox' || field.type === 'custom_attributes';
}

function inputOf(field: UIField, state: FieldState, id: string): TemplateResult {
  const text = state.value === undefined || state.value === null ? '' : String(state.value);
  const typed = (event: Event) => state.change((event.target as HTMLInputElement).value);
  const wrong = state.problem ? 'true' : 'false';
  const needed = isRequired(field) ? 'true' : nothing;
  const said = `said-${field.name}`;
  const placeholder = field.placeholder || nothing;
  switch (field.type) {
    case 'textarea':
      return html`<textarea
        id=${id}
        placeholder=${placeholder}
        aria-invalid=${wrong}
        aria-required=${needed}
        aria-describedby=${said}
        rows="4"
        .value=${live(text)}
        @input=${typed}
      ></textarea>`;
    case 'checkbox':
      return html`<input
        type="checkbox"
        id=${id}
        aria-describedby=${said}
        .checked=${live(Boolean(state.value))}
        @change=${(event: Event) => state.change((event.target as HTMLInputElement).checked)}
      />`;
    case 'select':
      return selectOf(field, state, id, text);
    case 'custom_attributes':
      return attributesOf(state, `label-${field.name}`, said);
    case 'file':
      return html`<input
        type="file"
        id=${id}
        aria-invalid=${wrong}
        aria-required=${needed}
        aria-describedby=${said}
        @change=${(event: Event) => state.change((event.target as HTMLInputElement).files?.[0])}
      />`;
    default: {
      const list = state.suggested?.length ? `list-${field.name}` : nothing;
      return html`<input
          type=${field.type === 'number' ? 'number' : 'text'}
          step="any"
          id=${id}
          placeholder=${placeholder}
          list=${list}
          autocomplete="off"
          spellcheck="false"
          aria-invalid=${wrong}
          aria-required=${needed}
          aria-describedby=${said}
          .value=${live(text)}
          @input=${typed}
        />${state.suggested?.length ? suggestedOf(`list-${field.name}`, state.suggested) : nothing}`;
    }
  }
}

function suggestedOf(id: string, all: readonly Choice[]): TemplateResult {
  return html`<datalist id=${id}>
    ${all.map(one => html`<option value=${one.value}>${one.label}</option>`)}
  </datalist>`;
}

function selectOf(field: UIField, state: FieldState, id: string, chosen: string): TemplateResult {
  const choices = state.choices;
  const none = choices && (!isRequired(field) || !choices.all.some(one => !one.reason));
  return html`<select
    id=${id}
    ?disabled=${!choices}
    aria-invalid=${state.problem ? 'true' : 'false'}
    aria-describedby="said-${field.name}"
    @change=${(event: Event) => state.change((event.target as HTMLSelectElement).value)}
  >
    ${choices ? nothing : html`<option selected>${chosen || 'Loading …'}</option>`}
    ${none ? html`<option value="" .selected=${chosen === ''}>${choices.all.length ? '–' : 'nothing to choose from'}</option>` : nothing}
    ${choices?.all.map(
      one =>
        html`<option
          value=${one.value}
          title=${one.reason || nothing}
          ?disabled=${Boolean(one.reason)}
          .selected=${one.value === chosen}
        >
          ${one.label}${one.reason ? ' – not available' : ''}
        </option>`,
    )}
  </select>`;
}

function attributesOf(state: FieldState, label: string, said: string): TemplateResult {
  const rows = (state.value as Attribute[] | undefined) ?? [];
  const set = (at: number, part: 0 | 1, text: string) =>
    state.change(rows.map((row, index) => (index === at ? (part ? [row[0], text] : [text, row[1]]) : row)));
  const typed = (at: number, part: 0 | 1) => (event: Event) =>
    set(at, part, (event.target as HTMLInputElement).value);
  return html`<div role="group" aria-labelledby=${label} aria-describedby=${said}>
    ${rows.map(
      ([name, value], at) =>
        html`<div class="attribute">
          <input
            class="mono"
            aria-label="Attribute"
            placeholder="name"
            spellcheck="false"
            .value=${live(name)}
            @input=${typed(at, 0)}
          />
          <input
            class="mono"
            aria-label="Value"
            placeholder="value"
            spellcheck="false"
            .value=${live(value)}
            @input=${typed(at, 1)}
          />
          <button
            type="button"
            class="plain"
            aria-label="Remove ${name || 'this attribute'}"
            @click=${() => state.change(rows.filter((_, index) => index !== at))}
          >
            ✕
          </button>
        </div>`,
    )}
    <button type="button" @click=${() => state.change([...rows, ['', '']])}>Add an attribute</button>
  </div>`;
}
