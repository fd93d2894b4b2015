-- Invariants of grants, holds and the burn axis: a view each, as in …_ledger_invariants_of_entries.sql.

call florin.begin_migration();

create view credits.broken_held_is_the_sum_of_open_holds with (security_invoker = true) as
  select a.account_id, format('stored %s, holds %s', a.held, coalesce(h.held, 0)) as detail
    from credits.accounts a
    left join (
      select n.account_id, sum(n.amount)::bigint as held from credits.holds n
       where n.status = 'open' group by n.account_id) h on h.account_id = a.account_id
   where a.held <> coalesce(h.held, 0);
comment on view credits.broken_held_is_the_sum_of_open_holds is
  'Accounts whose held balance is not what their open holds reserve.';

create view credits.broken_a_grants_claim_is_the_sum_of_its_entries with (security_invoker = true) as
  select g.account_id,
         format('grant %s: %s here, %s in entries', g.grant_id, g.remaining + g.burned, m.claim)
           as detail
    from credits.grants g
    left join (
      select e.account_id,
             e.grant_id,
             sum(e.grant_delta)::bigint as claim,
             sum(e.amount)::bigint as posted,
             coalesce(-sum(e.grant_delta) filter (where e.kind = 'expiry'), 0)::bigint as expired,
             coalesce(-sum(e.grant_delta) filter (where e.kind = 'void'), 0)::bigint as voided,
             coalesce(sum(e.grant_delta) filter (
               where e.kind = 'void' and e.cause = 'reversal'), 0)::bigint as taken_from_voided,
             coalesce(-sum(e.grant_delta) filter (where e.kind = 'reversal'), 0)::bigint as reversed,
             coalesce(-sum(e.grant_delta) filter (where e.kind = 'transfer'), 0)::bigint as moved
        from credits.entries e
       where e.grant_id is not null
       group by e.account_id, e.grant_id) m
      on m.account_id = g.account_id and m.grant_id = g.grant_id
   where m.claim is distinct from g.remaining + g.burned
      or m.expired <> g.expired or m.voided <> g.voided or m.reversed <> g.reversed
      or m.taken_from_voided <> g.taken_from_voided
      or m.moved <> g.moved - (case when g.home_grant_id is null then 0 else g.amount end)
      or m.posted <> (case when g.effective then g.remaining + g.burned else 0 end)
      or (not g.effective and g.burned > 0);
comment on view credits.broken_a_grants_claim_is_the_sum_of_its_entries is
  'Grants that say otherwise than their entries what was given, expired, voided, taken back or moved.';

create view credits.broken_every_credit_of_a_grant_is_somewhere with (security_invoker = true) as
  select g.account_id, format('grant %s', g.grant_id) as detail
    from credits.grants g
   where g.remaining + g.burned + g.expired + g.voided + g.reversed + g.moved <> g.amount
      or least(g.remaining, g.burned, g.expired, g.voided, g.reversed, g.moved) < 0;
comment on view credits.broken_every_credit_of_a_grant_is_somewhere is
  'Grants whose parts do not add up to their amount.';

create view credits.broken_grants_are_unaltered with (security_invoker = true) as
  select g.account_id, format('grant %s', g.grant_id) as detail
    from credits.grants g
   where not exists (
           select from credits.entries e
            where e.account_id = g.account_id and e.entry_no = g.issued_no
              and e.grant_id = g.grant_id and e.subject_seal = credits.seal_in_view(row(g.*)::credits.grants))
  union all
  select distinct e.account_id, format('grant %s', e.grant_id)
    from credits.entries e
   where e.grant_id is not null
     and not exists (
           select from credits.grants g
            where g.account_id = e.account_id and g.grant_id = e.grant_id);
comment on view credits.broken_grants_are_unaltered is
  'Grants that the entry which issued them did not seal so, and grants that only entries know.';

create view credits.broken_holds_are_unaltered with (security_invoker = true) as
  select h.account_id, format('hold %s', h.hold_id) as detail
    from credits.holds h
    left join (
      select distinct on (n.account_id, n.hold_id) n.account_id, n.hold_id, n.subject_seal
        from credits.entries n where n.kind in ('hold', 'extension')
       order by n.account_id, n.hold_id, n.entry_no desc) e
      on e.account_id = h.account_id and e.hold_id = h.hold_id
   where e.subject_seal is distinct from credits.seal_in_view(row(h.*)::credits.holds)
  union all
  select distinct e.account_id, format('hold %s', e.hold_id)
    from credits.entries e
   where e.hold_id is not null
     and not exists (
           select from credits.holds h
            where h.account_id = e.account_id and h.hold_id = e.hold_id);
comment on view credits.broken_holds_are_unaltered is
  'Holds that the last entry which placed or extended them did not seal so, and holds that only entries know.';

create view credits.broken_a_hold_ended_as_its_entry_says with (security_invoker = true) as
  select h.account_id, format('hold %s is %s', h.hold_id, h.status) as detail
    from credits.holds h
    left join (
      select n.account_id,
             n.hold_id,
             max(n.entry_no) as entry_no,
             sum(n.amount)::bigint as amount,
             bool_and(n.kind = 'capture') as captured,
             bool_and(n.cause = 'expiry') as expired,
             (array_agg(n.subject_seal order by n.entry_no))[1] as seal
        from credits.entries n
       where n.kind in ('capture', 'release')
       group by n.account_id, n.hold_id) e
      on e.account_id = h.account_id and e.hold_id = h.hold_id
   where (h.status = 'open') <> (e.entry_no is null)
      or h.ended_no is distinct from e.entry_no
      or h.captured <> -coalesce(e.amount, 0)
      or (h.status = 'captured') <> coalesce(e.captured, false)
      or (h.status = 'expired') <> coalesce(e.expired, false)
      or e.seal is distinct from credits.overage_seal(h.overage, h.uncovered);
comment on view credits.broken_a_hold_ended_as_its_entry_says is
  'Holds that say otherwise than their entries whether and how they ended.';

create view credits.broken_a_grants_allocations_are_what_it_has_burned
  with (security_invoker = true) as
  select g.account_id,
         format('grant %s: %s here, %s allocated', g.grant_id, g.burned, coalesce(p.burned, 0))
           as detail
    from credits.grants g
    left join (
      select c.account_id, c.grant_id, sum(c.axis_to - c.axis_from)::bigint as burned
        from credits.allocations c
       where c.grant_id is not null
       group by c.account_id, c.grant_id) p
      on p.account_id = g.account_id and p.grant_id = g.grant_id
   where g.burned <> coalesce(p.burned, 0);
comment on view credits.broken_a_grants_allocations_are_what_it_has_burned is
  'Grants that pay for more or less of the axis than they say.';

create view credits.broken_allocations_are_unaltered_and_do_not_overlap
  with (security_invoker = true) as
  select c.account_id, format('stretch %s to %s', c.axis_from, c.axis_to) as detail
    from (
      select n.*, lag(n.axis_to) over (partition by n.account_id order by n.axis_from) as ended
        from credits.allocations n) c
   where c.ended > c.axis_from
      or c.seal is distinct from credits.allocation_seal(
           c.account_id, c.axis_from, c.axis_to, c.grant_id, c.displaced_from)
      or (c.grant_id is not null
          and not exists (
                select from credits.grants g
                 where g.account_id = c.account_id and g.grant_id = c.grant_id));
comment on view credits.broken_allocations_are_unaltered_and_do_not_overlap is
  'Stretches of the axis that were edited, that two claim, or that a grant pays for which is not there.';

create view credits.broken_all_that_is_settled_is_allocated with (security_invoker = true) as
  select a.account_id,
         format('allocated %s, burned %s, held %s, unsettled %s', coalesce(c.total, 0),
                coalesce(t.burned, 0), a.held, a.axis - a.settled) as detail
    from credits.accounts a
    left join credits.entry_totals t on t.account_id = a.account_id
    left join (
      select n.account_id,
             sum(n.axis_to - n.axis_from)::bigint as total,
             coalesce(sum(n.axis_to - n.axis_from) filter (where n.grant_id is null), 0)::bigint
               as debt,
             max(n.axis_to) as reach
        from credits.allocations n
       group by n.account_id) c on c.account_id = a.account_id
   where coalesce(c.total, 0) <> coalesce(t.burned, 0) + a.held - (a.axis - a.settled)
      or coalesce(c.debt, 0) <> a.debt
      or coalesce(c.reach, 0) > a.settled
      or a.settled not between 0 and a.axis;
comment on view credits.broken_all_that_is_settled_is_allocated is
  'Accounts on which somebody pays for more or less than what was spent, is held and is settled.';

create view credits.broken_time_is_not_overlooked with (security_invoker = true) as
  select a.account_id,
         format('next change %s, should be at most %s', a.next_change_at, t.at) as detail
    from credits.accounts a
    join (
      select n.account_id, min(n.at) as at
        from (
          select g.account_id, least(g.expires_at, case when not g.effective then g.effective_at end)
                   as at
            from credits.grants g where g.remaining > 0
          union all
          select h.account_id, h.expires_at from credits.holds h where h.status = 'open') n
       group by n.account_id) t on t.account_id = a.account_id
   where a.next_change_at > t.at;
comment on view credits.broken_time_is_not_overlooked is
  'Accounts that do not know when time alone changes them next.';

create view credits.broken_the_soonest_expiry_is_known with (security_invoker = true) as
  select a.account_id, format('stored %s, grants say %s', a.next_expiry_at, t.at) as detail
    from credits.accounts a
    left join (
      select g.account_id, min(g.expires_at) as at from credits.grants g
       where g.remaining > 0 and g.effective group by g.account_id) t
      on t.account_id = a.account_id
   where a.next_expiry_at is distinct from t.at;
comment on view credits.broken_the_soonest_expiry_is_known is
  'Accounts whose next expiry is not that of their grants.';

create view credits.broken_moved_credits_are_somewhere with (security_invoker = true) as
  select g.account_id,
         format('grant %s: %s moved, %s in other accounts', g.grant_id, g.moved,
                coalesce(p.elsewhere, 0)) as detail
    from credits.grants g
    left join (
      select n.home_account_id, n.home_grant_id,
             sum(n.amount - n.reversed - n.moved)::bigint as elsewhere
        from credits.grants n
       where n.home_account_id is not null
       group by n.home_account_id, n.home_grant_id) p
      on p.home_account_id = g.account_id and p.home_grant_id = g.grant_id
   where g.home_grant_id is null and g.moved <> coalesce(p.elsewhere, 0);
comment on view credits.broken_moved_credits_are_somewhere is
  'Bought grants of which other accounts hold more or less than was moved out of them.';

create view credits.broken_moved_credits_have_a_home with (security_invoker = true) as
  select p.account_id, format('grant %s, from grant %s', p.grant_id, p.home_grant_id) as detail
    from credits.grants p
    left join (
      select n.account_id, n.grant_id, n.purchase_key, n.source, n.priority, n.expires_at
        from credits.grants n
       where n.home_account_id is null) g
      on g.account_id = p.home_account_id and g.grant_id = p.home_grant_id
   where p.home_account_id is not null
     -- Not as rows: Postgres reads that back with other parentheses, and the way back from a cluster makes views again.
     and (g.source is distinct from p.source or g.purchase_key is distinct from p.purchase_key
          or g.priority is distinct from p.priority or g.expires_at is distinct from p.expires_at);
comment on view credits.broken_moved_credits_have_a_home is
  'Credits that were moved from a grant which is not there, or whose source, purchase, priority or expiry they do not share.';

revoke all on
  credits.broken_held_is_the_sum_of_open_holds,
  credits.broken_a_grants_claim_is_the_sum_of_its_entries,
  credits.broken_every_credit_of_a_grant_is_somewhere,
  credits.broken_grants_are_unaltered,
  credits.broken_holds_are_unaltered,
  credits.broken_a_hold_ended_as_its_entry_says,
  credits.broken_a_grants_allocations_are_what_it_has_burned,
  credits.broken_allocations_are_unaltered_and_do_not_overlap,
  credits.broken_all_that_is_settled_is_allocated,
  credits.broken_time_is_not_overlooked,
  credits.broken_the_soonest_expiry_is_known,
  credits.broken_moved_credits_are_somewhere,
  credits.broken_moved_credits_have_a_home
  from public, anon, authenticated, service_role;
grant select on
  credits.broken_held_is_the_sum_of_open_holds,
  credits.broken_a_grants_claim_is_the_sum_of_its_entries,
  credits.broken_every_credit_of_a_grant_is_somewhere,
  credits.broken_grants_are_unaltered,
  credits.broken_holds_are_unaltered,
  credits.broken_a_hold_ended_as_its_entry_says,
  credits.broken_a_grants_allocations_are_what_it_has_burned,
  credits.broken_allocations_are_unaltered_and_do_not_overlap,
  credits.broken_all_that_is_settled_is_allocated,
  credits.broken_time_is_not_overlooked,
  credits.broken_the_soonest_expiry_is_known,
  credits.broken_moved_credits_are_somewhere,
  credits.broken_moved_credits_have_a_home
  to service_role;

call florin.end_migration();
