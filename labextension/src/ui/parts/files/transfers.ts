/** Files on their way to and from an endpoint, and those of lately. */

import { css, html, nothing, type TemplateResult } from 'lit';
import { property } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';

import { define } from '../../define.js';
import { OrbitElement } from '../../element.js';
import { transfersOf, type Transfers } from '../../state/transfers.js';
import type { Upload } from '../../state/upload.js';
import type { Unwatch } from '../../value.js';
import { base, buttons, theme } from '../../theme.js';
import type { StagingTransfer } from '../../wire/types.js';
import { bytes, duration, plural, time } from '../../text/format.js';
import { stateTemplate } from '../states.js';

/** Of what the endpoint tells, so many. */
const SHOWN = 20;

@define('orbit-transfers')
export class TransfersPart extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    css`
      ul {
        list-style: none;
        margin: 0;
        padding: 0;
      }
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 2px 12px;
        align-items: center;
        padding: 7px 14px;
        border-bottom: 1px solid var(--o-border);
      }
      li:last-child {
        border-bottom: 0;
      }
      progress {
        width: 100%;
        height: 8px;
        accent-color: var(--o-accent);
      }
      .wide {
        grid-column: 1 / -1;
        overflow-wrap: anywhere;
      }
      summary {
        padding: 9px 14px;
        cursor: pointer;
      }
      details {
        border-top: 1px solid var(--o-border);
      }
      section > details:first-child {
        border-top: 0;
      }
    `,
  ];

  @property() endpoint = '';
  @property() plugin = '';

  protected override sources(): unknown[] {
    return [this.channel, this.endpoint, this.plugin];
  }

  protected override start(): Unwatch[] {
    const { transfers } = this;
    return [transfers.changed.watch(() => this.requestUpdate()), transfers.use()];
  }

  override render(): TemplateResult | typeof nothing {
    const { uploads, remote } = this.transfers;
    if (!uploads.length && !remote.size) {
      return nothing;
    }
    const clashes = uploads.filter(upload => upload.state === 'EXISTS');
    const over = uploads.some(upload => upload.isOver);
    return html`<section class="card">
      ${
        uploads.length
          ? html`<header>
                <h2 class="grow">Uploads</h2>
                ${
                  clashes.length > 1
                    ? html`<button @click=${() => clashes.forEach(one => this.transfers.again(one, true))}>
                        Overwrite all ${clashes.length}
                      </button>`
                    : nothing
                }
                ${over ? html`<button @click=${() => this.transfers.tidy()}>Clear ended</button>` : nothing}
              </header>
              <ul>
                ${repeat(
                  uploads,
                  upload => upload.id,
                  upload => this.upload(upload),
                )}
              </ul>`
          : nothing
      }
      ${remote.size ? this.lately([...remote.values()].reverse()) : nothing}
    </section>`;
  }

  private upload(upload: Upload): TemplateResult {
    const { file, state, done, message, rate } = upload;
    const moving = state === 'ACTIVE' || state === 'CHECKING' || state === 'WAITING';
    const left = rate ? (file.size - done) / rate : null;
    const words = [
      moving ? `${bytes(done)} of ${bytes(file.size)}` : bytes(file.size),
      rate === null ? '' : `${bytes(rate)}/s`,
      left === null ? '' : `${duration(left)} left`,
    ];
    return html`<li>
      <strong class="cut" title=${upload.path}>↑ ${file.name}</strong>
      <span class="row">${this.actions(upload)}</span>
      ${
        moving
          ? html`<progress
              class="wide"
              aria-label="${state === 'CHECKING' ? 'Checking' : 'Upload of'} ${file.name}"
              .max=${Math.max(1, file.size)}
              .value=${done}
            ></progress>`
          : nothing
      }
      <span class="wide small soft"
        >${stateTemplate(LOOKS[state] ?? state)} ·
        ${words.filter(Boolean).join(' · ')}${
          state === 'CHECKING' ? ' · its digest makes that it can be resumed' : ''
        }${message ? ` · ${message}` : ''}</span
      >
    </li>`;
  }

  private actions(upload: Upload): TemplateResult | typeof nothing {
    const again = (overwrite: boolean) => () => this.transfers.again(upload, overwrite);
    const cancel = () => upload.cancel();
    switch (upload.state) {
      case 'EXISTS':
        return html`<button class="danger" @click=${again(true)}>Overwrite</button>
          <button @click=${cancel}>Leave it</button>`;
      case 'FAILED':
      case 'CANCELED':
        return html`<button @click=${again(false)}>Try again</button>`;
      case 'DONE':
        return nothing;
      default:
        return html`<button aria-label="Cancel the upload of ${upload.file.name}" @click=${cancel}>
          Cancel
        </button>`;
    }
  }

  private lately(all: readonly StagingTransfer[]): TemplateResult {
    const active = all.filter(one => one.state === 'ACTIVE').length;
    return html`<details>
      <summary>
        Transfers on ${this.endpoint}
        <span class="soft"
          >${active ? `· ${active} under way` : `· ${plural(all.length, 'lately', 'lately')}`}</span
        >
      </summary>
      <ul>
        ${repeat(
          all.slice(0, SHOWN),
          one => one.id,
          one =>
            html`<li>
              <span class="cut mono" title=${one.path}
                ><span aria-hidden="true">${one.direction === 'put' ? '↑' : '↓'}</span> ${one.path}</span
              >
              ${stateTemplate(one.state)}
              <span class="wide small soft"
                >${one.direction === 'put' ? 'to' : 'from'} ${this.endpoint} · ${amount(one)} ·
                ${time(one.time * 1000)}${one.message ? ` · ${one.message}` : ''}</span
              >
            </li>`,
        )}
      </ul>
    </details>`;
  }

  private get transfers(): Transfers {
    return transfersOf(this.channel, this.endpoint, this.plugin);
  }
}

/** Words of uploads that aren't states of anything else. */
const LOOKS: Record<string, string> = { CHECKING: 'checking', WAITING: 'waiting', EXISTS: 'exists already' };

function amount({ bytes: there, size, state }: StagingTransfer): string {
  return state === 'DONE' || size === null ? bytes(there) : `${bytes(there)} of ${bytes(size)}`;
}
