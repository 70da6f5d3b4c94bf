/**
 * Which cluster to join: `<orbit-join-form .hosts .wish .error .busy>`; event `orbit-wish` (a `Wish`) where it is to
 * begin.
 */

import { css, html, nothing, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import type { OrbitError } from '../../channel/errors.js';
import { define } from '../../define.js';
import { OrbitElement } from '../../element.js';
import { nameFor, type Wish } from '../../state/joins.js';
import type { UIField } from '../../wire/types.js';
import { fieldTemplate } from '../form/field.js';
import { formLook } from './look.js';
import { failed } from '../notice.js';
import { pythonText } from '../../text/python.js';

const FIRST: UIField[] = [
  { name: 'target', label: 'Host', placeholder: 'me@login.cluster.org' },
  { name: 'name', label: 'Name of the endpoint', placeholder: 'as the host' },
];
const MORE: UIField[] = [
  { name: 'plugins', label: 'Plugins', placeholder: 'default', required: false },
  { name: 'python', label: 'Python there', placeholder: 'is looked for', required: false },
  { name: 'ssh', label: 'More options of ssh', placeholder: '-J gate.cluster.org -p 2222', required: false },
  { name: 'packages', label: 'Packages to bring along', placeholder: 'my-plugins', required: false },
];

@define('orbit-join-form')
export class JoinForm extends OrbitElement {
  static override styles = [
    formLook,
    css`
      .more {
        display: grid;
        gap: 10px;
      }
      summary {
        cursor: pointer;
        color: var(--o-text-soft);
        margin-bottom: 8px;
      }
    `,
  ];

  @property({ attribute: false }) hosts: readonly string[] = [];
  @property({ attribute: false }) error: OrbitError | null = null;
  @property({ type: Boolean }) busy = false;
  @state() private values: Record<string, string> = {};
  @state() private missing = new Set<string>();

  /** Fill it with what was wished before. */
  fill(wish: Partial<Record<keyof Wish, string>>): void {
    this.values = { ...wish };
  }

  override render(): TemplateResult {
    const named = this.error && [...FIRST, ...MORE].some(field => field.name === this.error?.field);
    return html`<form autocomplete="off" @submit=${this.submit}>
      <div class="pair">${FIRST.map(field => this.field(field))}</div>
      <details>
        <summary>More options</summary>
        <div class="pair">${MORE.map(field => this.field(field))}</div>
      </details>
      ${this.error && !named ? failed(this.error) : nothing}
      <div class="row wrap">
        <button class="primary" ?disabled=${this.busy}>${this.busy ? 'Beginning …' : 'Start'}</button>
        <button type="button" @click=${() => this.offerCode(pythonFor(this.wish()))}>Copy as code</button>
        <span class="soft small grow">It uses your own ssh configuration and keys.</span>
      </div>
    </form>`;
  }

  private field(field: UIField): TemplateResult {
    const own = this.error?.field === field.name ? this.error.message : '';
    const problem = this.missing.has(field.name) ? 'This is needed' : own;
    const suggested = field.name === 'target' ? this.hosts.map(value => ({ value, label: '', reason: '' })) : [];
    const shown = field.name === 'name' && !this.values['name'] ? this.suggestedName() : this.values[field.name];
    return fieldTemplate(field, {
      value: shown ?? '',
      problem,
      hint: undefined,
      choices: null,
      suggested,
      change: value => {
        this.values = { ...this.values, [field.name]: String(value) };
        this.missing = new Set();
      },
    });
  }

  private suggestedName(): string {
    return nameFor((this.values['target'] ?? '').trim());
  }

  private wish(): Wish {
    const text = (name: string) => (this.values[name] ?? '').trim();
    const packages = text('packages')
      .split(/[\s,]+/)
      .filter(Boolean);
    return {
      target: text('target'),
      name: text('name') || this.suggestedName(),
      ...(text('plugins') && { plugins: text('plugins') }),
      ...(text('python') && { python: text('python') }),
      ...(text('ssh') && { ssh: text('ssh') }),
      ...(packages.length && { packages }),
    };
  }

  private submit = (event: Event): void => {
    event.preventDefault();
    const wish = this.wish();
    if (!wish.target || !wish.name) {
      this.missing = new Set(wish.target ? ['name'] : ['target']);
      return;
    }
    this.dispatchEvent(new CustomEvent<Wish>('orbit-wish', { detail: wish }));
  };
}

/** The same join as Python. */
export function pythonFor({ target, name, ...more }: Wish): string {
  const given = Object.entries({ name, ...more })
    .filter(([, value]) => value)
    .map(([key, value]) =>
      Array.isArray(value) ? `, ${key}=[${value.map(pythonText).join(', ')}]` : `, ${key}=${pythonText(value)}`,
    );
  return `import orbit_jupyter as orbit\n\nhpc = orbit.join(${pythonText(target)}${given.join('')})\n`;
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-join-form': JoinForm;
  }
}
