// Made by labextension/generate_types.py from what Python declares; `make types` writes it anew.
/* eslint-disable */

export interface PluginInfo {
  type: string;
  namespace: string;
  version?: string;
  enabled?: boolean;
  ui_config?: Record<string, any>;
  error?: string | null;
}

export interface HostFacts {
  hostname?: string;
  user?: string;
  pid?: number;
  python?: string;
  orbit?: string;
  role?: string;
  scheduler?: string;
  job_id?: string | null;
}

export type HelloFrame = [tag: 'hello', role: 'client' | 'endpoint' | 'plugin-host', name: string, boot_id: string, protocol?: [number, number], resume_key?: string, last_seen?: number, capabilities?: string[], plugins?: Record<string, PluginInfo>, host?: HostFacts, session?: string, received?: number];

export type WelcomeFrame = [tag: 'welcome', protocol: number, bridge_id: string, boot_id: string, url?: string, last_seen?: number, capabilities?: string[], user?: string, session?: string, resumed?: boolean, received?: number, resume_for?: number];

export interface Principal {
  user: string;
  groups?: string[];
  scopes?: string[];
}

export type CallFrame = [tag: 'call', id: number, endpoint: string, method: string, path: string, query?: string, headers?: Record<string, string>, principal?: Principal | null, time_left?: number, body?: Uint8Array, more?: boolean, trace?: string, key?: string];

export type ReplyFrame = [tag: 'reply', id: number, status: number, headers?: Record<string, string>, body?: Uint8Array, more?: boolean];

export type FailFrame = [tag: 'fail', id: number, code: string, message: string, transient?: boolean, status?: number, data?: Record<string, any>];

export type DataFrame = [tag: 'data', id: number, data: Uint8Array, end?: boolean, back?: boolean];

export type CreditFrame = [tag: 'credit', id: number, size: number, back?: boolean];

export type CancelFrame = [tag: 'cancel', id: number, reason?: string];

export type EventsFrame = [tag: 'events', epoch: string, first: number, events: [plugin: string, topic: string, data: Uint8Array, session?: string, owner?: string, time?: number, truncated?: boolean][], endpoint?: string, missed?: number, last?: number];

export type AckFrame = [tag: 'ack', epoch: string, sequence: number];

export type SubscribeFrame = [tag: 'subscribe', id: number, endpoint?: string, plugin?: string, topic?: string, after?: Record<string, [string, number]> | null];

export interface EndpointInfo {
  endpoint: Record<string, any>;
  plugins: Record<string, PluginInfo>;
}

export type TopologyFrame = [tag: 'topology', endpoints: Record<string, EndpointInfo>, removed?: string[], full?: boolean];

export type PluginsFrame = [tag: 'plugins', plugins: Record<string, PluginInfo>];

export type ListenersFrame = [tag: 'listeners', users: string[]];

export type PingFrame = [tag: 'ping', time: number, received?: number];

export type PongFrame = [tag: 'pong', time: number, received?: number];

export type SeenFrame = [tag: 'seen', received: number];

export type ByeFrame = [tag: 'bye', reason: string, retry?: boolean, code?: string];

export interface UIConfig {
  title: string;
  icon?: string;
  description?: string;
  refresh_button?: boolean;
  auto_load?: string;
  forms?: UIForm[];
  monitors?: UIMonitor[];
  notifications?: UINotifications | null;
  stub_message?: string;
  custom_template?: boolean;
}

export interface UIForm {
  id: string;
  title?: string;
  layout?: 'grid2' | 'grid3' | 'single';
  fields?: UIField[];
  submit?: UIFormSubmit;
}

export interface UIField {
  name: string;
  type?: 'checkbox' | 'custom_attributes' | 'file' | 'hidden' | 'number' | 'select' | 'text' | 'textarea';
  label?: string;
  css_class?: string;
  default?: string | number | boolean;
  placeholder?: string;
  required?: boolean;
  options?: (string | UIOption)[];
  options_endpoint?: string;
  options_value_field?: string;
  options_label_field?: string;
  column?: number | null;
}

export interface UIOption {
  value: string;
  label?: string;
}

export interface UIFormSubmit {
  label?: string;
  style?: 'danger' | 'primary' | 'secondary' | 'success';
  endpoint?: string;
}

export interface UIMonitor {
  id: string;
  title?: string;
  type?: 'chart' | 'log' | 'metrics' | 'raw' | 'table' | 'task_list';
  css_class?: string;
  empty_text?: string;
  auto_load?: string;
}

export interface UINotifications {
  topic: string;
  id_field?: string;
  state_field?: string;
}

export interface View {
  view: 'endpoint' | 'explorer' | 'files' | 'job' | 'jobs' | 'join' | 'launch' | 'log' | 'map' | 'monitor' | 'plugin' | 'queues';
  endpoint?: string;
  plugin?: string;
  job?: string;
  bridge?: string;
}

export interface TokensAnswer {
  tokens: ShownToken[];
}

export interface ShownToken {
  id: string;
  name: string;
  owner: string;
  created: number;
  expires: number | null;
  parent?: string | null;
}

export interface NewToken {
  name: string;
  expires?: string | null;
  parent?: string | null;
  life?: string | null;
}

export interface CreatedToken {
  id: string;
  name: string;
  owner: string;
  created: number;
  expires: number | null;
  parent?: string | null;
  token: string;
}

export interface PsijOffers {
  default: string;
  executors: PsijOffer[];
  launchers: PsijOffer[];
  own: string;
}

export interface PsijOffer {
  name: string;
  available: boolean;
  reason: string | null;
  version: string | null;
}

export interface PsijSubmitted {
  job_id: string;
  native_id: string;
}

export interface PsijLaunched {
  endpoint_name: string;
  job_id: string;
  native_id: string;
}

export interface PsijJobs {
  before?: string;
  jobs: PsijJobSummary[];
}

export interface PsijJobSummary {
  account: string | null;
  arguments: string[];
  array_id: string | null;
  endpoint_name: string | null;
  executable: string;
  executor: string;
  exit_code: number | null;
  job_id: string;
  message: string | null;
  name: string | null;
  native_id: string | null;
  node_count: number | null;
  queue_name: string | null;
  state: 'ACTIVE' | 'CANCELED' | 'COMPLETED' | 'FAILED' | 'NEW' | 'QUEUED';
  submit_time: number;
  time: number;
}

export interface PsijJobStatus {
  account: string | null;
  arguments: string[];
  array_id: string | null;
  directory: string | null;
  duration: number | null;
  endpoint_name: string | null;
  error?: string;
  executable: string;
  executor: string;
  exit_code: number | null;
  job_id: string;
  message: string | null;
  name: string | null;
  native_id: string | null;
  node_count: number | null;
  queue_name: string | null;
  resources_used: PsijResourcesUsed | null;
  state: 'ACTIVE' | 'CANCELED' | 'COMPLETED' | 'FAILED' | 'NEW' | 'QUEUED';
  states: PsijStateTime[];
  stderr: string;
  stderr_offset: number;
  stdout: string;
  stdout_offset: number;
  submit_time: number;
  time: number;
}

export interface PsijResourcesUsed {
  cpu_seconds?: number;
  cpus?: number;
  elapsed?: number;
  max_memory_mb?: number;
  node_list?: string;
  nodes?: number;
}

export interface PsijStateTime {
  state: 'ACTIVE' | 'CANCELED' | 'COMPLETED' | 'FAILED' | 'NEW' | 'QUEUED';
  time: number;
}

export interface PsijJobSpecification {
  environment_names: string[];
  executor: string;
  job_spec: Record<string, any>;
}

export interface PsijFollowed {
  job_id: string;
  stderr_offset: number;
  stdout_offset: number;
}

export interface PsijCancelledAll {
  canceled: string[];
  failed: PsijNotCancelled[];
}

export interface PsijNotCancelled {
  error: string;
  job_id: string;
}

export interface PsijTunnelStatus {
  endpoint_name: string;
  error: string | null;
  pid: number | null;
  port: number | null;
  status: 'active' | 'done' | 'failed' | 'no_tunnel' | 'pending';
}

export interface QueueBackend {
  backend: string;
}

export interface QueueJobAllocation {
  allocation: QueueAllocationEntry | null;
}

export interface QueueAllocationEntry {
  account: string | null;
  cpus_per_node: number | null;
  end_time: number | null;
  gpus_per_node: number | null;
  job_id: string;
  job_name: string | null;
  n_nodes: number | null;
  nodelist: string;
  partition: string | null;
  runtime: number | null;
}

export interface QueueQueues {
  age: number;
  queues: Record<string, QueueQueueEntry>;
  stale: string | null;
}

export interface QueueQueueEntry {
  accounts: string[];
  cpus_per_node: number;
  default: boolean;
  default_time_seconds: number | null;
  features: string[];
  gpus_per_node: number;
  groups: string[];
  max_jobs_per_user: number | null;
  mem_per_node_mb: number | null;
  name: string;
  nodes_available: number;
  nodes_idle: number;
  nodes_max: number | null;
  nodes_min: number | null;
  nodes_total: number;
  state: string;
  time_limit: number | 'UNLIMITED';
  time_limit_seconds: number | null;
  users: string[];
  walltime_max: number | null;
  walltime_min: number | null;
}

export interface QueueJobs {
  age: number;
  jobs: QueueJobEntry[];
  stale: string | null;
}

export interface QueueJobEntry {
  account: string;
  array_id: string | null;
  common_state: string;
  cpus: number;
  end_time: number | null;
  exit_code: number | null;
  expected_start: number | null;
  job_id: string;
  job_name: string;
  native_id: string;
  node_list: string;
  nodes: number;
  partition: string;
  priority: number | null;
  reason: string | null;
  start_time: number | null;
  state: string;
  submit_time: number | null;
  time_limit: number | null;
  time_limit_seconds: number | null;
  time_used: number | null;
  user: string;
}

export interface QueueJobDetails {
  accounting: QueueAccounting | null;
  age: number;
  job: QueueJobEntry | null;
  stale: string | null;
}

export interface QueueAccounting {
  common_state: string;
  cpu_seconds: number | null;
  cpus: number | null;
  elapsed: number | null;
  end_time: number | null;
  exit_code: number | null;
  max_memory_mb: number | null;
  node_list: string;
  nodes: number | null;
  reason: string | null;
  start_time: number | null;
  state: string;
  submit_time: number | null;
}

export interface QueueAllocations {
  age: number;
  allocations: QueueAllocation[];
  stale: string | null;
}

export interface QueueAllocation {
  account: string;
  allocated_node_hours: number | null;
  allocation_id?: string | number | null;
  end_date?: string | number | null;
  fairshare: number | null;
  grp_tres: string | null;
  jobs?: string | number | null;
  max_jobs: number | null;
  max_submit: number | null;
  max_wall: number | null;
  qos: string;
  remaining_node_hours: number | null;
  resource?: string | number | null;
  start_date?: string | number | null;
  suballocation_id?: string | number | null;
  used_node_hours: number | null;
  user: string;
}

export interface SysHostRole {
  job_id: string | null;
  psij_executor: string;
  python_version: string;
  role: string;
  scheduler: string;
}

export interface SysMetrics {
  cpu: SysCpu;
  disks: SysDisk[];
  errors?: Record<string, string>;
  gpus: SysGpu[];
  memory: SysMemory;
  network: SysInterface[];
  system: SysSystem;
}

export interface SysCpu {
  cores_logical?: number | null;
  cores_physical?: number | null;
  freq_mhz?: number | null;
  load_avg?: number[];
  model?: string;
  percent?: number;
  vendor?: string;
}

export interface SysDisk {
  device: string;
  error?: string;
  fstype: string;
  mount: string;
  percent: number | null;
  total: number | null;
  type: 'local hdd' | 'local ssd' | 'local unknown' | 'shared' | 'unknown';
  used: number | null;
}

export interface SysGpu {
  driver_version: string | null;
  id: string;
  index: number;
  mem_free?: number;
  mem_total?: number;
  mem_used?: number;
  name: string | null;
  util_gpu?: number;
  util_mem?: number;
  uuid: string | null;
  vendor: string;
}

export interface SysMemory {
  available?: number;
  percent?: number;
  total?: number;
  used?: number;
}

export interface SysInterface {
  interface: string;
  ip: string;
  mac: string;
  rx_bytes: number;
  speed_mbps: number;
  tx_bytes: number;
}

export interface SysSystem {
  arch?: string;
  hostname?: string;
  kernel?: string;
  uptime?: number;
  user?: string;
}

export interface SysColumns {
  columns: Record<string, (number | null)[]>;
  interval: number;
  units: Record<string, string>;
}

export interface SysSubscribed {
  interval: number;
  topic: string;
}

export interface StagingListing {
  entries: StagingEntry[];
  path: string;
}

export interface StagingEntry {
  link?: boolean;
  name: string;
  size: number | null;
  type: 'dir' | 'file' | 'unknown';
}

export interface StagingTransfers {
  transfers: StagingTransfer[];
}

export interface StagingTransfer {
  bytes: number;
  direction: 'get' | 'put';
  id: string;
  message: string | null;
  path: string;
  size: number | null;
  state: 'ACTIVE' | 'CANCELED' | 'DONE' | 'FAILED';
  time: number;
}

export interface StagingDigest {
  digest: string;
  etag: string;
  path: string;
  size: number;
}

export interface StagingPart {
  offset: number;
  path: string;
}

export interface StagingStored {
  digest: string;
  path: string;
  size: number;
}

export interface JoinJoins {
  joined: JoinCluster[];
  joins: JoinJoining[];
}

export interface JoinCluster {
  name: string;
  target: string;
}

export interface JoinJoining {
  join_id: string;
  message: string | null;
  mine: boolean;
  name: string;
  question: JoinQuestion | null;
  spent: string[];
  state: 'asking' | 'cancelled' | 'cancelling' | 'done' | 'failed' | 'running';
  steps: JoinStepShown[];
  target: string;
  time: number;
  what: 'join' | 'leave';
}

export interface JoinQuestion {
  echo: boolean;
  id: string;
  kind: 'host key' | 'passphrase' | 'password' | 'second factor' | 'yes-no';
  prompt: string;
}

export interface JoinStepShown {
  detail: string;
  lines: string[];
  state: 'done' | 'failed' | 'running';
  step: string;
  time: number;
}

export interface JoinStarted {
  join_id: string;
  name: string;
}

export interface JoinHosts {
  hosts: string[];
}
