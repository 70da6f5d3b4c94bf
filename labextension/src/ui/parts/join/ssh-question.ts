/**
 * A question of ssh's, asked where the join is shown: `<orbit-ssh-question .question>`; event `orbit-reply` (the
 * answer). What is typed is in the field alone, and gone once it was sent.
 */

import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, query, state } from 'lit/decorators.js';

import { define } from '../../define.js';
import { OrbitElement } from '../../element.js';
import { base, buttons, inputs, theme } from '../../theme.js';
import type { JoinQuestion } from '../../wire/types.js';

const FINGERPRINT = /\b(?:SHA256:[A-Za-z0-9+/=]+|MD5:[0-9a-f:]+)/;

@define('orbit-ssh-question')
export class SshQuestion extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    inputs,
    css`
      :host {
        padding: 12px 14px;
        border-top: 1px solid var(--o-border);
        background: var(--o-select);
      }
      form {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
        align-items: end;
      }
      form > div {
        flex: 1 1 200px;
        max-width: 420px;
      }
      label {
        color: var(--o-text);
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      pre {
        margin: 6px 0;
      }
      p {
        margin-bottom: 8px;
      }
    `,
  ];

  @property({ attribute: false }) question!: JoinQuestion;
  @state() private sent = '';
  @query('input, button') private first!: HTMLElement | null;

  protected override updated(changed: PropertyValues<this>): void {
    const before = changed.get('question');
    if (changed.has('question') && before?.id !== this.question.id) {
      this.first?.focus({ preventScroll: false });
    }
  }

  override render(): TemplateResult {
    const { kind } = this.question;
    return html`<div role="group" aria-label="ssh asks">
      ${kind === 'host key' || kind === 'yes-no' ? this.yesNo() : this.field()}
    </div>`;
  }

  private yesNo(): TemplateResult {
    const { kind, prompt } = this.question;
    const fingerprint = FINGERPRINT.exec(prompt)?.[0];
    const key = kind === 'host key';
    return html`
      <strong>${key ? 'Is this the right host?' : 'ssh asks'}</strong>
      <pre>${prompt}</pre>
      ${
        key
          ? html`<p>
              Nobody here has seen this host’s key before. Compare
              ${fingerprint ? html`<code>${fingerprint}</code>` : 'its fingerprint'} with the one that the site
              publishes.
            </p>`
          : nothing
      }
      <div class="row wrap">
        <button class="primary" ?disabled=${this.waits} @click=${() => this.reply('yes')}>
          ${key ? 'Yes, it is the right one' : 'Yes'}
        </button>
        <button ?disabled=${this.waits} @click=${() => this.reply('no')}>No</button>
      </div>
    `;
  }

  private field(): TemplateResult {
    const { prompt, echo } = this.question;
    return html`<form
      autocomplete="off"
      @submit=${(event: Event) => {
        event.preventDefault();
        const input = this.first as HTMLInputElement;
        this.reply(input.value);
        input.value = '';
      }}
    >
      <div>
        <label for="reply">${prompt}</label>
        <input
          id="reply"
          type=${echo ? 'text' : 'password'}
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          maxlength="4096"
          ?disabled=${this.waits}
        />
      </div>
      <button class="primary" ?disabled=${this.waits}>Answer</button>
    </form>`;
  }

  private get waits(): boolean {
    return this.sent === this.question.id;
  }

  private reply(text: string): void {
    this.sent = this.question.id;
    this.dispatchEvent(new CustomEvent<string>('orbit-reply', { detail: text }));
  }

  /** Have it answered once more: the answer didn't arrive. */
  again(): void {
    this.sent = '';
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-ssh-question': SshQuestion;
  }
}
