/** The Explorer page: the renderer on a page of its own. */

import { copyText } from './clipboard.js';
import { DirectChannel } from './channel/direct.js';
import { fromHash, toHash } from './address.js';
import type { Toasts } from './parts/toasts.js';
import { titleOf } from './pages.js';
import { logOf } from './state/log.js';
import { announceJobs } from './state/toasts.js';
import type { Explorer } from './views/explorer.js';
import './parts/toasts.js';
import './views/explorer.js';

const explorer = document.createElement('orbit-explorer') as Explorer;
const toasts = document.createElement('orbit-toasts') as Toasts;
const channel = new DirectChannel(new URL('.', document.baseURI).pathname);
explorer.channel = toasts.channel = channel;
logOf(channel).begin();
announceJobs(channel, toast => toasts.add(toast));

function read(): void {
  explorer.view = fromHash(location.hash) ?? { view: 'map' };
  document.title = `${titleOf(explorer.view)} – Orbit`;
}

explorer.addEventListener('orbit-view', event => {
  history.pushState(null, '', toHash(event.detail));
  document.title = `${titleOf(explorer.view)} – Orbit`;
});
document.addEventListener('orbit-toast', event => toasts.add(event.detail));
toasts.addEventListener('orbit-open', event => explorer.goTo(event.detail));
document.addEventListener('orbit-code', event => {
  void copyText(event.detail).then(
    () => toasts.add({ text: 'The code was copied: paste it into a cell.', level: 'success' }),
    () => toasts.add({ text: `It can’t be copied here: ${event.detail}`, level: 'warning' }),
  );
});
addEventListener('popstate', read);
addEventListener('hashchange', read);

if (location.search) {
  // A token has become a cookie by now, and people send each other addresses; what is relative is so to <base>.
  history.replaceState(null, '', location.hash || '.');
}
read();
document.body.replaceChildren(explorer, toasts);
