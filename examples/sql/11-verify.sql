select invariant, detail
  from credits.verify_ledger('00000000-0000-4000-8000-00000000ada0');
