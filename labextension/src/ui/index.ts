/** What a host takes from the renderer. */

export type { Channel } from './channel/channel.js';
export { renderCell } from './cell.js';
export { DirectChannel } from './channel/direct.js';
export { fromHash, toHash } from './address.js';
export { titleOf } from './pages.js';
export { show } from './show.js';
export type { View } from './wire/types.js';
import './views/explorer.js';
