-- The comparison of benchmarks/whatif.py as somebody would write it by hand.
WITH judged AS (
  SELECT
    region, elsewhere, child_order, examined,
    "couple.planning" AS planning,
    "couple.policy_compliant" AS compliant,
    "wife.hukou_region__in_served" OR "husband.hukou_region__in_served" OR (
      NOT "wife.hukou_region__in_district" AND NOT "husband.hukou_region__in_district" AND (
        ("wife.residence_region__in_served" AND "wife.months_resident" >= 6)
        OR ("husband.residence_region__in_served" AND "husband.months_resident" >= 6))) AS six,
    "wife.hukou_region__in_served" OR "husband.hukou_region__in_served" OR (
      NOT "wife.hukou_region__in_district" AND NOT "husband.hukou_region__in_district" AND (
        ("wife.residence_region__in_served" AND "wife.months_resident" >= 3)
        OR ("husband.residence_region__in_served" AND "husband.months_resident" >= 3))) AS three,
    "couple.child_order" >= 1 AND "couple.free_checks_used" = 0 AS first,
    "couple.child_order" >= 1 AND "couple.free_checks_used" >= 1 AS again
  FROM facts
), states AS (
  SELECT
    region, elsewhere, child_order, examined,
    CASE WHEN NOT planning OR NOT compliant OR NOT six THEN 'no'
         WHEN planning IS NULL OR compliant IS NULL OR six IS NULL THEN 'unknown'
         WHEN first THEN 'free' WHEN first IS NULL THEN 'unknown'
         WHEN again THEN 'own_cost' ELSE 'unknown' END AS base_state,
    CASE WHEN NOT planning THEN 'eligibility:planning' WHEN NOT compliant THEN 'eligibility:compliant'
         WHEN NOT six THEN 'eligibility:residence' WHEN planning IS NULL THEN 'eligibility:planning'
         WHEN compliant IS NULL THEN 'eligibility:compliant' WHEN six IS NULL THEN 'eligibility:residence'
         WHEN first OR first IS NULL THEN 'entitlement:first'
         WHEN again OR again IS NULL THEN 'entitlement:again' ELSE '' END AS base_why,
    46000 AS base_fen,
    CASE WHEN NOT planning OR NOT compliant OR NOT three THEN 'no'
         WHEN planning IS NULL OR compliant IS NULL OR three IS NULL THEN 'unknown'
         WHEN first THEN 'free' WHEN first IS NULL THEN 'unknown'
         WHEN again THEN 'own_cost' ELSE 'unknown' END AS draft_state,
    CASE WHEN NOT planning THEN 'eligibility:planning' WHEN NOT compliant THEN 'eligibility:compliant'
         WHEN NOT three THEN 'eligibility:residence' WHEN planning IS NULL THEN 'eligibility:planning'
         WHEN compliant IS NULL THEN 'eligibility:compliant' WHEN three IS NULL THEN 'eligibility:residence'
         WHEN first OR first IS NULL THEN 'entitlement:first'
         WHEN again OR again IS NULL THEN 'entitlement:again' ELSE '' END AS draft_why,
    48000 AS draft_fen
  FROM judged
)
SELECT *, count(*) AS n FROM states GROUP BY ALL
