/** The states of a job on one bar, each as long as it lasted, and in words below. */

import { css, html, nothing, type TemplateResult } from 'lit';

import type { PsijJobStatus } from '../../wire/types.js';
import '../ago.js';
import { duration, time } from '../../text/format.js';
import { lookOf } from '../states.js';
import { ended } from '../../state/ended.js';

export const timelineLook = css`
  .timeline .bar {
    display: flex;
    gap: 2px;
    height: 8px;
    border-radius: 4px;
    overflow: hidden;
    background: var(--o-bg-soft);
  }
  .timeline .bar span {
    min-width: 4px;
    flex: 0 1 0;
    background: var(--o-border-strong);
  }
  .timeline .bar .active {
    background: var(--o-accent);
  }
  .timeline .bar .left {
    background: none;
  }
  .timeline ol {
    display: flex;
    flex-wrap: wrap;
    gap: 2px 18px;
    list-style: none;
    margin: 6px 0 0;
    padding: 0;
    font-size: var(--o-small);
  }
`;

export function timelineTemplate(status: PsijJobStatus): TemplateResult | typeof nothing {
  const states = status.states.length ? status.states : [{ state: status.state, time: status.time }];
  const over = ended(status.state);
  const now = over ? states.at(-1)!.time : Math.max(Date.now() / 1000, states.at(-1)!.time);
  const until = (index: number) => states[index + 1]?.time ?? now;
  const parts = states
    .filter(one => !ended(one.state))
    .map((one, index) => ({ ...one, lasted: Math.max(0, until(index) - one.time) }));
  const active = parts.find(one => one.state === 'ACTIVE');
  const left = !over && active && status.duration ? Math.max(0, status.duration - active.lasted) : 0;
  // In milliseconds: shares whose sum is below 1 would leave room.
  const grow = (seconds: number) => `flex-grow:${Math.max(1, Math.round(seconds * 1000))}`;
  return html`<div class="timeline">
    <div class="bar" aria-hidden="true">
      ${parts.map(one => html`<span class=${lookOf(one.state).tone} .style=${grow(one.lasted)}></span>`)}
      ${left ? html`<span class="left" .style=${grow(left)}></span>` : nothing}
    </div>
    <ol aria-label="States of the job">
      ${states.map((one, index) => {
        const { mark, tone } = lookOf(one.state);
        const lasts = index === states.length - 1 && !over;
        return html`<li>
          <span class=${tone}><span aria-hidden="true">${mark}</span> ${one.state}</span>
          ${time(one.time * 1000)}
          ${
            ended(one.state)
              ? nothing
              : html`<span class="soft"
                  >for
                  ${
                    lasts
                      ? html`<orbit-ago .since=${one.time * 1000}></orbit-ago>`
                      : duration(until(index) - one.time)
                  }</span
                >`
          }
        </li>`;
      })}
      ${left ? html`<li class="soft">${duration(left)} left of ${duration(status.duration)}</li>` : nothing}
    </ol>
  </div>`;
}
