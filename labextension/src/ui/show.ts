/** From the description of a view to its element; the one list of views that there are. */

import { html, type TemplateResult } from 'lit';

import type { Channel } from './channel/channel.js';
import type { View } from './wire/types.js';

import './views/endpoint.js';
import './views/endpoints.js';
import './views/files.js';
import './views/job.js';
import './views/jobs.js';
import './views/join.js';
import './views/launch.js';
import './views/log.js';
import './views/map.js';
import './views/plugin-page.js';
import './views/queues.js';
import './views/system.js';

export function show(view: View, channel: Channel): TemplateResult {
  const { endpoint = '', plugin = '', job = '' } = view;
  switch (view.view) {
    case 'explorer':
      return html`<orbit-explorer .channel=${channel}></orbit-explorer>`;
    case 'endpoint':
      return html`<orbit-endpoint .channel=${channel} .endpoint=${endpoint}></orbit-endpoint>`;
    case 'plugin':
      return html`<orbit-plugin-page
        .channel=${channel}
        .endpoint=${endpoint}
        .plugin=${plugin}
      ></orbit-plugin-page>`;
    case 'jobs':
      return html`<orbit-jobs .channel=${channel} .endpoint=${endpoint} .plugin=${plugin}></orbit-jobs>`;
    case 'job':
      return html`<orbit-job .channel=${channel} .endpoint=${endpoint} .plugin=${plugin} .job=${job}></orbit-job>`;
    case 'monitor':
      return html`<orbit-system .channel=${channel} .endpoint=${endpoint} .plugin=${plugin}></orbit-system>`;
    case 'queues':
      return html`<orbit-queues .channel=${channel} .endpoint=${endpoint} .plugin=${plugin}></orbit-queues>`;
    case 'files':
      return html`<orbit-files .channel=${channel} .endpoint=${endpoint} .plugin=${plugin}></orbit-files>`;
    case 'map':
      return html`<orbit-map .channel=${channel}></orbit-map>`;
    case 'log':
      return html`<orbit-log .channel=${channel}></orbit-log>`;
    case 'join':
      return html`<orbit-join .channel=${channel} .endpoint=${endpoint} .plugin=${plugin}></orbit-join>`;
    case 'launch':
      return html`<orbit-launch .channel=${channel} .endpoint=${endpoint} .plugin=${plugin}></orbit-launch>`;
  }
}
