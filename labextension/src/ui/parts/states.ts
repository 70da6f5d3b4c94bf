/** States of endpoints, jobs, tasks and transfers: a shape, a word and a colour each, never a colour alone. */

import { html, type TemplateResult } from 'lit';

type Tone = 'good' | 'warn' | 'bad' | 'soft' | 'active';

interface Look {
  mark: string;
  tone: Tone;
}

const LOOKS: Record<string, Look> = {
  NEW: { mark: '○', tone: 'soft' },
  PENDING: { mark: '◌', tone: 'soft' },
  QUEUED: { mark: '◌', tone: 'soft' },
  CONFIGURING: { mark: '◌', tone: 'soft' },
  HELD: { mark: '‖', tone: 'warn' },
  SUSPENDED: { mark: '‖', tone: 'warn' },
  ACTIVE: { mark: '▶', tone: 'active' },
  RUNNING: { mark: '▶', tone: 'active' },
  COMPLETING: { mark: '▶', tone: 'active' },
  COMPLETED: { mark: '✓', tone: 'good' },
  DONE: { mark: '✓', tone: 'good' },
  FAILED: { mark: '✕', tone: 'bad' },
  TIMEOUT: { mark: '✕', tone: 'bad' },
  NODE_FAIL: { mark: '✕', tone: 'bad' },
  OUT_OF_MEMORY: { mark: '✕', tone: 'bad' },
  CANCELED: { mark: '⊘', tone: 'soft' },
  CANCELLED: { mark: '⊘', tone: 'soft' },
  present: { mark: '●', tone: 'good' },
  suspect: { mark: '◐', tone: 'warn' },
  lost: { mark: '○', tone: 'bad' },
  gone: { mark: '○', tone: 'soft' },
};

export function lookOf(state: string): Look {
  return LOOKS[state] ?? LOOKS[state.toUpperCase()] ?? { mark: '·', tone: 'soft' };
}

/** Return the mark and the word, with what is to stand behind it, such as an exit code. */
export function stateTemplate(state: string, more = ''): TemplateResult {
  const { mark, tone } = lookOf(state);
  return html`<span class="state ${tone}"
    ><span aria-hidden="true">${mark}</span> ${state}${more ? ` · ${more}` : ''}</span
  >`;
}
