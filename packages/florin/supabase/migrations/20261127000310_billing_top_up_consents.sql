-- Auto top-up, agreed to: what each buyer's account may buy by itself (docs/top-up.md,
-- docs/decisions/0070). Lock order: the consent, then the top-up.

call florin.begin_migration();

create table billing.top_up_consents (
  account_id uuid not null,
  status text not null,
  pause_reason text,
  price_id text not null,
  stripe_price_id text not null,
  quantity bigint not null,
  credits bigint not null,
  amount_minor bigint not null,
  currency text not null,
  threshold bigint not null,
  max_per_month integer not null,
  customer_id text not null,
  payment_method_id text,
  payment_method_label text,
  declines integer not null default 0,
  not_before timestamptz not null default '-infinity',
  consented_at timestamptz not null,
  updated_at timestamptz not null,
  constraint top_up_consents_pkey primary key (account_id),
  constraint top_up_consents_status_is_known check (status in ('active', 'paused', 'off')),
  constraint top_up_consents_paused_ones_say_why
    check ((status = 'paused') = (pause_reason is not null)),
  constraint top_up_consents_active_ones_have_a_payment_method
    check (status <> 'active' or payment_method_id is not null),
  constraint top_up_consents_amounts_are_positive
    check (quantity > 0 and credits > 0 and amount_minor > 0 and threshold > 0
           and max_per_month > 0),
  constraint top_up_consents_one_purchase_ends_what_began_it check (credits >= threshold)
);
create index top_up_consents_active on billing.top_up_consents (account_id)
  where status = 'active';
comment on table billing.top_up_consents is
  'What each account has agreed to: below threshold credits available, buy quantity × price_id for amount_minor, at most max_per_month times in a calendar month (UTC). A change is a new consent.';
comment on column billing.top_up_consents.amount_minor is
  'What one top-up costs, before taxes: the price that the buyer saw. Another price asks for consent anew.';
comment on column billing.top_up_consents.declines is 'Declines in a row; a paid top-up ends them.';
comment on column billing.top_up_consents.not_before is 'No attempt before this: a card was declined.';

create function billing.consent_to_top_up(p_account_id uuid, p_terms jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_method text := p_terms ->> 'paymentMethodId';
begin
  perform billing.check_keys('the terms', p_terms, array['priceId', 'stripePriceId', 'quantity',
    'credits', 'amountMinor', 'currency', 'threshold', 'maxPerMonth', 'customerId', 'paymentMethodId',
    'paymentMethodLabel']);
  perform credits.ensure_account(p_account_id);
  insert into billing.top_up_consents as t (account_id, status, pause_reason, price_id,
      stripe_price_id, quantity, credits, amount_minor, currency, threshold, max_per_month,
      customer_id, payment_method_id, payment_method_label, consented_at, updated_at)
    values (
      p_account_id,
      case when v_method is null then 'paused' else 'active' end,
      case when v_method is null then 'no_payment_method' end,
      p_terms ->> 'priceId', p_terms ->> 'stripePriceId', (p_terms ->> 'quantity')::bigint,
      (p_terms ->> 'credits')::bigint, (p_terms ->> 'amountMinor')::bigint,
      p_terms ->> 'currency', (p_terms ->> 'threshold')::bigint,
      (p_terms ->> 'maxPerMonth')::integer, p_terms ->> 'customerId', v_method,
      p_terms ->> 'paymentMethodLabel', v_now, v_now)
    on conflict (account_id) do update
      set status = excluded.status, pause_reason = excluded.pause_reason,
          price_id = excluded.price_id, stripe_price_id = excluded.stripe_price_id,
          quantity = excluded.quantity, credits = excluded.credits,
          amount_minor = excluded.amount_minor, currency = excluded.currency,
          threshold = excluded.threshold, max_per_month = excluded.max_per_month,
          customer_id = excluded.customer_id, payment_method_id = excluded.payment_method_id,
          payment_method_label = excluded.payment_method_label, declines = 0,
          not_before = '-infinity', consented_at = excluded.consented_at, updated_at = excluded.updated_at;
end;
$$;
comment on function billing.consent_to_top_up(uuid, jsonb) is
  'Keeps what a buyer has agreed to, in place of what they agreed to before; paused until there is a payment method. A top-up that is under way keeps its own terms.';

create function billing.resume_top_up(
  p_account_id uuid, p_payment_method_id text, p_payment_method_label text)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  update billing.top_up_consents t
     set status = 'active', pause_reason = null, declines = 0, not_before = '-infinity',
         payment_method_id = p_payment_method_id, payment_method_label = p_payment_method_label,
         updated_at = v_now
   where t.account_id = p_account_id and t.status <> 'off';
  return found;
end;
$$;
comment on function billing.resume_top_up(uuid, text, text) is
  'Goes on under the terms agreed to, with this payment method. False when there is nothing to go on with. Repeatable.';

create function billing.pause_top_up(p_account_id uuid, p_reason text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  update billing.top_up_consents t
     set status = 'paused', pause_reason = p_reason, updated_at = v_now
   where t.account_id = p_account_id and t.status = 'active';
  if not found then
    return null;
  end if;
  perform billing.add_alert(p_account_id, 'top_up_paused', jsonb_build_object('reason', p_reason));
  return 'paused';
end;
$$;
comment on function billing.pause_top_up(uuid, text) is
  'Pauses an active consent until the buyer resumes it, and writes an alert. Internal.';

call florin.end_migration();
