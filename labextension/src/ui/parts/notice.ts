/** Loading, empty, failed, forbidden and without a connection: a look of its own each, and what to do next. */

import type { Task } from '@lit/task';
import { html, nothing, type TemplateResult } from 'lit';

import type { ConnectionState } from '../channel/channel.js';
import { asOrbitError, type OrbitError } from '../channel/errors.js';
import type { Endpoint } from '../state/endpoints.js';

type Shown = TemplateResult | typeof nothing;

export function loading(what = 'Loading'): TemplateResult {
  return html`<p class="notice soft" role="status">${what} …</p>`;
}

export function empty(text: string, next: Shown = nothing): TemplateResult {
  return html`<div class="notice soft">${text} ${next}</div>`;
}

/** Say what failed and what can be done; `again` tries once more. */
export function failed(thrown: unknown, again?: () => void): TemplateResult {
  const error = asOrbitError(thrown);
  return html`<div class="notice" role="alert">
    <p><strong class=${error.forbidden ? 'warn' : 'bad'}>${headline(error)}</strong> ${error.message}</p>
    ${again && !error.forbidden ? html`<button @click=${again}>Try again</button>` : nothing}
  </div>`;
}

/** Say that the bridge is away; nothing where it isn't. */
export function disconnected(connection: ConnectionState): Shown {
  switch (connection.kind) {
    case 'connected':
      return nothing;
    case 'connecting':
      return html`<div class="notice soft" role="status">Connecting to the bridge … ${connection.reason}</div>`;
    case 'lost':
      return html`<div class="notice warn" role="status">
        ◐ ${connection.reason}. It is dialled again by itself; what you see may be old.
      </div>`;
    case 'refused':
      return html`<div class="notice bad" role="alert">✕ ${connection.reason}</div>`;
  }
}

/** Say that an endpoint is away; nothing where it isn't, or never was here. */
export function away(one: Endpoint | undefined): Shown {
  if (!one || one.state === 'present') {
    return nothing;
  }
  const how = one.state === 'suspect' ? 'doesn’t answer just now' : 'is no longer connected';
  return html`<div class="notice warn" role="status">
    ◐ ${one.name} ${how}. It dials in again by itself; what you see may be old.
  </div>`;
}

/** Show what a task has: its value while it has one, also an old one while it asks anew. */
export function shown<T>(
  task: Task<readonly unknown[], T>,
  ready: (value: T) => TemplateResult | typeof nothing,
  again?: () => void,
): TemplateResult | typeof nothing {
  const old = task.value;
  return task.render({
    initial: () => loading(),
    pending: () => (old === undefined ? loading() : ready(old)),
    complete: ready,
    error: error => html`${failed(error, again)}${old === undefined ? nothing : ready(old)}`,
  });
}

function headline(error: OrbitError): string {
  if (error.forbidden) {
    return 'You may not see this.';
  }
  switch (error.code) {
    case 'endpoint-gone':
      // Or a plugin of it; which, is told behind this.
      return error.transient ? 'The endpoint isn’t connected.' : 'It isn’t there.';
    case 'endpoint-not-found':
      return 'The endpoint isn’t connected.';
    case 'plugin-not-found':
      return 'This plugin isn’t loaded there.';
    case 'disconnected':
      return 'The bridge is away.';
    case 'deadline':
      return 'It took too long.';
    default:
      return error.transient ? 'Not just now.' : 'That failed.';
  }
}
