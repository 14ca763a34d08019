/** What has happened in the simulated cloud, in order, for whoever checks a night from outside. */

/** Hypervisors by name; times are ms since 1970 on the cloud's own clock. */
export type Happening = { readonly at: number } & (
  | { readonly what: 'cordoned'; readonly hypervisor: string; readonly reason: string }
  | { readonly what: 'uncordoned'; readonly hypervisor: string }
  | { readonly what: 'migration asked'; readonly server: string; readonly from: string; readonly kind: Kind }
  | { readonly what: 'migration began'; readonly server: string; readonly from: string; readonly kind: Kind }
  | { readonly what: 'moved'; readonly server: string; readonly from: string; readonly to: string }
  | {
      readonly what: 'migration ended';
      readonly server: string;
      readonly from: string;
      readonly kind: Kind;
      readonly status: string;
    }
  | { readonly what: 'allocation left'; readonly consumer: string; readonly hypervisor: string }
  | { readonly what: 'server came' | 'server went'; readonly server: string; readonly hypervisor: string }
  | { readonly what: 'guest stopped' | 'guest started'; readonly server: string; readonly hypervisor: string }
  /** It ran, nobody had asked it to stop, and it runs no more. */
  | { readonly what: 'guest died'; readonly server: string; readonly hypervisor: string }
  | { readonly what: 'reboot asked' | 'reboot refused'; readonly hypervisor: string }
  /** With the guests that ran on it. */
  | { readonly what: 'went down'; readonly hypervisor: string; readonly guests: readonly string[] }
  | { readonly what: 'booted'; readonly hypervisor: string; readonly kernel: string }
  | { readonly what: 'service up'; readonly hypervisor: string; readonly id: string }
);

type Kind = 'live-migration' | 'migration';
type Told<H> = H extends unknown ? Omit<H, 'at'> : never;
/** One that happens now. */
export type News = Told<Happening>;
