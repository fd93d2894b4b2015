-- Proof: every invariant of the ledger, looked at from its rows.

call florin.begin_migration();

create function credits.verify_ledger(p_account_id uuid default null)
returns table (account_id uuid, invariant text, detail text)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  with
  accounts as (
    select a.* from credits.accounts a
     where p_account_id is null or a.account_id = p_account_id),
  entries as (
    select e.*,
           row_number() over w as place,
           sum(e.amount) over w as running,
           lag(e.chain, 1, '\x'::bytea) over w as chain_before
      from credits.entries e
     where p_account_id is null or e.account_id = p_account_id
    window w as (partition by e.account_id order by e.entry_no)),
  sums as (
    select e.account_id, sum(e.amount)::bigint as posted, max(e.entry_no) as last_no,
           count(*) as entries,
           coalesce(sum(-e.amount) filter (where e.axis_from is not null and e.amount < 0), 0)::bigint
             as burned,
           bool_or(e.kind = 'close') as closed
      from entries e group by e.account_id),
  holds as (
    select h.*, h as self from credits.holds h
     where p_account_id is null or h.account_id = p_account_id),
  open_holds as (
    select h.account_id, sum(h.amount)::bigint as held
      from holds h where h.status = 'open' group by h.account_id),
  grants as (
    select g.*, g as self from credits.grants g
     where p_account_id is null or g.account_id = p_account_id),
  moves as (
    select e.account_id, e.grant_id,
           sum(e.grant_delta)::bigint as claim,
           sum(e.amount)::bigint as posted,
           coalesce(-sum(e.grant_delta) filter (where e.kind = 'expiry'), 0)::bigint as expired,
           coalesce(-sum(e.grant_delta) filter (where e.kind = 'void'), 0)::bigint as voided,
           coalesce(-sum(e.grant_delta) filter (where e.kind = 'reversal'), 0)::bigint as reversed
      from entries e where e.grant_id is not null group by e.account_id, e.grant_id),
  allocations as (
    select c.*, lag(c.axis_to) over (partition by c.account_id order by c.axis_from) as ended
      from credits.allocations c
     where p_account_id is null or c.account_id = p_account_id),
  paid as (
    select c.account_id, c.grant_id, sum(c.axis_to - c.axis_from)::bigint as burned
      from allocations c where c.grant_id is not null group by c.account_id, c.grant_id),
  covered as (
    select c.account_id, sum(c.axis_to - c.axis_from)::bigint as total,
           coalesce(sum(c.axis_to - c.axis_from) filter (where c.grant_id is null), 0)::bigint as debt,
           max(c.axis_to) as reach
      from allocations c group by c.account_id),
  horizon as (
    select t.account_id, min(t.at) as at from (
      select g.account_id, g.expires_at as at from grants g where g.remaining > 0
      union all
      select g.account_id, g.effective_at from grants g where g.remaining > 0 and not g.effective
      union all
      select h.account_id, h.expires_at from holds h where h.status = 'open') t
     group by t.account_id)
  select a.account_id, 'posted is the sum of entries',
         format('stored %s, entries %s', a.posted, coalesce(s.posted, 0))
    from accounts a left join sums s using (account_id)
   where a.posted <> coalesce(s.posted, 0)
  union all
  select a.account_id, 'held is the sum of open holds',
         format('stored %s, holds %s', a.held, coalesce(h.held, 0))
    from accounts a left join open_holds h using (account_id)
   where a.held <> coalesce(h.held, 0)
  union all
  select a.account_id, 'entries are numbered without gaps',
         format('account says %s, last entry %s, entries %s', a.entry_no, s.last_no, s.entries)
    from accounts a left join sums s using (account_id)
   where a.entry_no <> coalesce(s.last_no, 0) or a.entry_no <> coalesce(s.entries, 0)
  union all
  select e.account_id, 'every entry has its account', format('entry %s', e.entry_no)
    from entries e left join credits.accounts a on a.account_id = e.account_id
   where a.account_id is null
  union all
  select e.account_id, 'entries carry the balance after them',
         format('entry %s says %s, the sum is %s', e.entry_no, e.posted_after, e.running)
    from entries e where e.posted_after <> e.running
  union all
  select e.account_id, 'entries are unaltered', format('entry %s does not match its hash', e.entry_no)
    from entries e
   where e.chain is distinct from credits.chain_after(
     row(e.account_id, e.entry_no, e.amount, e.axis_from, e.posted_after, e.held_after, e.created_at,
         e.kind, e.cause, e.grant_id, e.grant_delta, e.hold_id, e.idempotency_key, e.subject_seal, e.metadata,
         e.actor, e.feature, e.meter, e.quantity, e.pricing, e.chain)::credits.entries, e.chain_before)
  union all
  select a.account_id, 'the chain ends at its head', format('account %s', a.account_id)
    from accounts a
    left join entries e on e.account_id = a.account_id and e.entry_no = a.entry_no
   where a.chain is distinct from coalesce(e.chain, '\x'::bytea)
  union all
  select a.account_id, 'closed accounts have a closing entry', format('closed_at %s', a.closed_at)
    from accounts a left join sums s using (account_id)
    left join entries e on e.account_id = a.account_id and e.kind = 'close'
   where (a.closed_at is not null) <> coalesce(s.closed, false)
      or e.created_at <> a.closed_at
  union all
  select g.account_id, 'a grant''s claim is the sum of its entries',
         format('grant %s: %s here, %s in entries', g.grant_id, g.remaining + g.burned, m.claim)
    from grants g left join moves m using (account_id, grant_id)
   where m.claim is distinct from g.remaining + g.burned
      or m.expired <> g.expired or m.voided <> g.voided or m.reversed <> g.reversed
      or m.posted <> (case when g.effective then g.remaining + g.burned else 0 end)
      or (not g.effective and g.burned > 0)
  union all
  select g.account_id, 'every credit of a grant is somewhere', format('grant %s', g.grant_id)
    from grants g
   where g.remaining + g.burned + g.expired + g.voided + g.reversed <> g.amount
      or least(g.remaining, g.burned, g.expired, g.voided, g.reversed) < 0
  union all
  select coalesce(g.account_id, m.account_id), 'grants are unaltered',
         format('grant %s', coalesce(g.grant_id, m.grant_id))
    from grants g
    left join entries e on e.account_id = g.account_id and e.entry_no = g.issued_no
    full join (select distinct n.account_id, n.grant_id from entries n where n.grant_id is not null) m
      on m.account_id = g.account_id and m.grant_id = g.grant_id
   where g.grant_id is null
      or e.grant_id is distinct from g.grant_id
      or e.subject_seal is distinct from credits.subject_seal(g.self)
  union all
  select coalesce(h.account_id, e.account_id), 'holds are unaltered',
         format('hold %s', coalesce(h.hold_id, e.hold_id))
    from (
      select distinct on (n.account_id, n.hold_id) n.account_id, n.hold_id, n.subject_seal
        from entries n where n.kind in ('hold', 'extension')
       order by n.account_id, n.hold_id, n.entry_no desc) e
    full join holds h on h.account_id = e.account_id and h.hold_id = e.hold_id
   where h.hold_id is null or e.hold_id is null
      or e.subject_seal is distinct from credits.subject_seal(h.self)
  union all
  select h.account_id, 'a hold ended as its entry says', format('hold %s is %s', h.hold_id, h.status)
    from holds h
    left join (
      select n.account_id, n.hold_id, max(n.entry_no) as entry_no, sum(n.amount)::bigint as amount,
             bool_and(n.kind = 'capture') as captured, bool_and(n.cause = 'expiry') as expired,
             (array_agg(n.subject_seal order by n.entry_no))[1] as seal
        from entries n where n.kind in ('capture', 'release') group by n.account_id, n.hold_id) e
      on e.account_id = h.account_id and e.hold_id = h.hold_id
   where (h.status = 'open') <> (e.entry_no is null)
      or h.ended_no is distinct from e.entry_no
      or h.captured <> -coalesce(e.amount, 0)
      or (h.status = 'captured') <> coalesce(e.captured, false)
      or (h.status = 'expired') <> coalesce(e.expired, false)
      or e.seal is distinct from credits.overage_seal(h.self)
  union all
  select g.account_id, 'a grant''s allocations are what it has burned',
         format('grant %s: %s here, %s allocated', g.grant_id, g.burned, coalesce(p.burned, 0))
    from grants g left join paid p using (account_id, grant_id)
   where g.burned <> coalesce(p.burned, 0)
  union all
  select c.account_id, 'allocations are unaltered and do not overlap',
         format('stretch %s to %s', c.axis_from, c.axis_to)
    from allocations c
    left join grants g on g.account_id = c.account_id and g.grant_id = c.grant_id
   where c.ended > c.axis_from
      or (c.grant_id is not null and g.grant_id is null)
      or c.seal is distinct from credits.allocation_seal(
        c.account_id, c.axis_from, c.axis_to, c.grant_id, c.displaced_from)
  union all
  select a.account_id, 'all that is settled is allocated',
         format('allocated %s, burned %s, held %s, unsettled %s', coalesce(c.total, 0),
                coalesce(s.burned, 0), coalesce(h.held, 0), a.axis - a.settled)
    from accounts a
    left join sums s using (account_id)
    left join open_holds h using (account_id)
    left join covered c using (account_id)
   where coalesce(c.total, 0)
           <> coalesce(s.burned, 0) + coalesce(h.held, 0) - (a.axis - a.settled)
      or coalesce(c.debt, 0) <> a.debt
      or coalesce(c.reach, 0) > a.settled
      or a.settled not between 0 and a.axis
  union all
  select a.account_id, 'time is not overlooked',
         format('next change %s, should be at most %s', a.next_change_at, t.at)
    from accounts a join horizon t using (account_id)
   where a.next_change_at > t.at
  union all
  select a.account_id, 'the soonest expiry is known',
         format('stored %s, grants say %s', a.next_expiry_at, t.at)
    from accounts a
    left join (
      select g.account_id, min(g.expires_at) as at from grants g
       where g.remaining > 0 and g.effective group by g.account_id) t using (account_id)
   where a.next_expiry_at is distinct from t.at;
end;
$$;
comment on function credits.verify_ledger(uuid) is
  'A row for each broken invariant of the account, or of every account; none when sound. Finds any edit of the ledger''s rows, by whomever it was made.';

call florin.end_migration();
