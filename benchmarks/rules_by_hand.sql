-- The packaged preconception rules as one query, written without the rule engine:
-- the peer that benchmarks/rules.py measures the generated query against.
-- Result: one row per couple, a BOOLEAN per rule, the worst class and the risk level.
WITH rules AS (
    SELECT
        id,
        "wife.rh" = 'negative' AND "husband.rh" = 'positive' AS "couple.rh_incompatible",
        "wife.consanguineous" OR "husband.consanguineous" AS "couple.consanguineous",
        ("wife.hbsag" = 'positive' AND "husband.hbsag" = 'negative' AND "husband.anti_hbs" = 'negative') OR ("husband.hbsag" = 'positive' AND "wife.hbsag" = 'negative' AND "wife.anti_hbs" = 'negative') AS "couple.hbv_discordant",
        ("wife.family_thalassaemia" OR "husband.family_thalassaemia" OR "wife.mcv" < 80 OR "wife.mch" < 27 OR ("wife.thalassaemia_gene" IS NOT NULL AND "wife.thalassaemia_gene" <> 'none') OR ("husband.thalassaemia_gene" IS NOT NULL AND "husband.thalassaemia_gene" <> 'none')) AND (("wife.thalassaemia_gene" IN ('alpha', 'both') AND "husband.thalassaemia_gene" IN ('alpha', 'both')) OR ("wife.thalassaemia_gene" IN ('beta', 'both') AND "husband.thalassaemia_gene" IN ('beta', 'both'))) AS "couple.thalassaemia_same_type",
        ("wife.child_with_defect" AND "wife.child_with_ntd") OR ("husband.child_with_defect" AND "husband.child_with_ntd") AS "couple.ntd_history",
        "wife.exposure__radiation" OR "wife.exposure__high_temperature" OR "wife.exposure__noise" OR "wife.exposure__organic_solvent" OR "wife.exposure__vibration" OR "wife.exposure__heavy_metal" OR "wife.exposure__pesticide" OR "wife.exposure__other" AS "wife.toxic_exposure",
        "husband.exposure__radiation" OR "husband.exposure__high_temperature" OR "husband.exposure__noise" OR "husband.exposure__organic_solvent" OR "husband.exposure__vibration" OR "husband.exposure__heavy_metal" OR "husband.exposure__pesticide" OR "husband.exposure__other" AS "husband.toxic_exposure",
        "wife.exposure__pets" AS "wife.pets_contact",
        "husband.exposure__pets" AS "husband.pets_contact",
        "wife.family_thalassaemia" AS "wife.family_thalassaemia",
        "husband.family_thalassaemia" AS "husband.family_thalassaemia",
        "wife.family_albinism" AS "wife.family_albinism",
        "husband.family_albinism" AS "husband.family_albinism",
        "wife.family_haemophilia" AS "wife.family_haemophilia",
        "husband.family_haemophilia" AS "husband.family_haemophilia",
        "wife.family_g6pd" AS "wife.family_g6pd",
        "husband.family_g6pd" AS "husband.family_g6pd",
        "wife.family_congenital_heart_disease" AS "wife.family_congenital_heart_disease",
        "husband.family_congenital_heart_disease" AS "husband.family_congenital_heart_disease",
        "wife.family_down" AS "wife.family_down",
        "husband.family_down" AS "husband.family_down",
        "wife.family_neural_tube_defect" AS "wife.family_neural_tube_defect",
        "husband.family_neural_tube_defect" AS "husband.family_neural_tube_defect",
        "wife.family_intellectual_disability" AS "wife.family_intellectual_disability",
        "husband.family_intellectual_disability" AS "husband.family_intellectual_disability",
        "wife.family_hearing_loss" AS "wife.family_hearing_loss",
        "husband.family_hearing_loss" AS "husband.family_hearing_loss",
        "wife.family_visual_loss" AS "wife.family_visual_loss",
        "husband.family_visual_loss" AS "husband.family_visual_loss",
        "wife.family_infant_death" AS "wife.family_infant_death",
        "husband.family_infant_death" AS "husband.family_infant_death",
        "wife.family_other_defect" AS "wife.family_other_defect",
        "husband.family_other_defect" AS "husband.family_other_defect",
        "wife.grandparents_consanguineous" AS "wife.grandparents_consanguineous",
        "husband.grandparents_consanguineous" AS "husband.grandparents_consanguineous",
        "wife.family_diabetes" AS "wife.family_diabetes",
        "husband.family_diabetes" AS "husband.family_diabetes",
        "wife.family_hypertension" AS "wife.family_hypertension",
        "husband.family_hypertension" AS "husband.family_hypertension",
        "wife.family_mental_disorder" AS "wife.family_mental_disorder",
        "husband.family_mental_disorder" AS "husband.family_mental_disorder",
        "wife.smoking" AS "wife.smoking",
        "husband.smoking" AS "husband.smoking",
        "wife.passive_smoking" IN ('occasional', 'often') AS "wife.passive_smoking",
        "husband.passive_smoking" IN ('occasional', 'often') AS "husband.passive_smoking",
        "wife.alcohol" AS "wife.alcohol",
        "husband.alcohol" AS "husband.alcohol",
        "wife.narcotics" AS "wife.narcotics",
        "husband.narcotics" AS "husband.narcotics",
        NOT "wife.eats_meat_eggs" AS "wife.no_meat_eggs",
        NOT "husband.eats_meat_eggs" AS "husband.no_meat_eggs",
        "wife.avoids_vegetables" AS "wife.avoids_vegetables",
        "husband.avoids_vegetables" AS "husband.avoids_vegetables",
        "wife.raw_meat" AS "wife.raw_meat",
        "husband.raw_meat" AS "husband.raw_meat",
        NOT "wife.folic_acid_now" AS "wife.folic_acid_not_taken",
        "wife.gum_bleeding" AS "wife.gum_bleeding",
        "husband.gum_bleeding" AS "husband.gum_bleeding",
        "wife.bad_breath" AS "wife.bad_breath",
        "husband.bad_breath" AS "husband.bad_breath",
        "wife.history_anaemia" AS "wife.history_anaemia",
        "wife.history_hypertension" AS "wife.history_hypertension",
        "husband.history_hypertension" AS "husband.history_hypertension",
        "wife.history_heart_disease" AS "wife.history_heart_disease",
        "husband.history_heart_disease" AS "husband.history_heart_disease",
        "wife.history_congenital_heart_disease" AS "wife.history_congenital_heart_disease",
        "husband.history_congenital_heart_disease" AS "husband.history_congenital_heart_disease",
        ("wife.history_heart_disease" OR "wife.history_congenital_heart_disease") AND "wife.heart_function" IN ('iii', 'iv') AS "wife.heart_function_poor",
        ("wife.history_heart_disease" OR "wife.history_congenital_heart_disease") AND "wife.pulmonary_hypertension" AS "wife.pulmonary_hypertension",
        "wife.history_diabetes" AS "wife.history_diabetes",
        "husband.history_diabetes" AS "husband.history_diabetes",
        "wife.history_epilepsy" AS "wife.history_epilepsy",
        "husband.history_epilepsy" AS "husband.history_epilepsy",
        "wife.history_thyroid_disease" AS "wife.history_thyroid_disease",
        "husband.history_thyroid_disease" AS "husband.history_thyroid_disease",
        "wife.history_thyroid_disease" AND "wife.iodine_131_on" IS NOT NULL AS "wife.iodine_131",
        "husband.history_thyroid_disease" AND "husband.iodine_131_on" IS NOT NULL AS "husband.iodine_131",
        "wife.history_nephritis" AS "wife.history_nephritis",
        "husband.history_nephritis" AS "husband.history_nephritis",
        "wife.history_nephritis" AND "wife.renal_decompensated" AS "wife.renal_decompensated",
        "wife.history_liver_disease" AS "wife.history_liver_disease",
        "husband.history_liver_disease" AS "husband.history_liver_disease",
        "wife.history_hepatitis_b" AS "wife.history_hepatitis_b",
        "husband.history_hepatitis_b" AS "husband.history_hepatitis_b",
        ("wife.history_liver_disease" OR "wife.history_hepatitis_b") AND "wife.liver_decompensated" AS "wife.liver_decompensated",
        "wife.history_tuberculosis" AS "wife.history_tuberculosis",
        "husband.history_tuberculosis" AS "husband.history_tuberculosis",
        "wife.history_tuberculosis" AND "wife.tuberculosis_active" AS "wife.tuberculosis_active",
        "wife.history_tumour" AS "wife.history_tumour",
        "husband.history_tumour" AS "husband.history_tumour",
        "wife.history_malignancy" AS "wife.history_malignancy",
        "husband.history_malignancy" AS "husband.history_malignancy",
        "wife.history_malignancy" AND "wife.malignancy_active" AS "wife.malignancy_active",
        "wife.history_autoimmune" AS "wife.history_autoimmune",
        "husband.history_autoimmune" AS "husband.history_autoimmune",
        "wife.history_autoimmune" AND "wife.autoimmune_active" AS "wife.autoimmune_active",
        "wife.history_thrombosis" AS "wife.history_thrombosis",
        "husband.history_thrombosis" AS "husband.history_thrombosis",
        "wife.history_asthma" AS "wife.history_asthma",
        "wife.history_mental_disorder" AS "wife.history_mental_disorder",
        "husband.history_mental_disorder" AS "husband.history_mental_disorder",
        "wife.history_mental_disorder" AND "wife.mental_disorder_acute" AS "wife.mental_disorder_acute",
        "wife.history_sti" AS "wife.history_sti",
        "husband.history_sti" AS "husband.history_sti",
        "wife.history_gynaecological" AS "wife.history_gynaecological",
        "wife.history_birth_defect" AS "wife.history_birth_defect",
        "husband.history_birth_defect" AS "husband.history_birth_defect",
        "wife.history_genetic_disease" AS "wife.history_genetic_disease",
        "husband.history_genetic_disease" AS "husband.history_genetic_disease",
        "wife.history_genetic_disease" AND "wife.genetic_disease_severe" AS "wife.genetic_disease_severe",
        "husband.history_genetic_disease" AND "husband.genetic_disease_severe" AS "husband.genetic_disease_severe",
        "husband.history_orchitis" AS "husband.history_orchitis",
        "husband.history_mumps" AS "husband.history_mumps",
        "husband.history_male_infertility" AS "husband.history_male_infertility",
        "wife.medication_now" AS "wife.medication_now",
        "husband.medication_now" AS "husband.medication_now",
        "wife.medication_now" AND "wife.takes_acei_arb" AS "wife.takes_acei_arb",
        "wife.medication_now" AND "wife.takes_valproate" AS "wife.takes_valproate",
        "husband.medication_now" AND "husband.takes_valproate" AS "husband.takes_valproate",
        "wife.medication_now" AND "wife.takes_teratogen" AS "wife.takes_teratogen",
        "husband.medication_now" AND "husband.takes_teratogen" AS "husband.takes_teratogen",
        "wife.ultrasound_result" = 'abnormal' AS "wife.ultrasound_abnormal",
        "wife.ultrasound_result" IN ('uncertain', 'refused') AS "wife.ultrasound_uncertain",
        ("wife.fibroid" IS NOT NULL AND "wife.fibroid") OR ("wife.ultrasound_result" = 'abnormal' AND "wife.fibroid") AS "wife.fibroid",
        ("wife.adnexal_mass" IS NOT NULL AND "wife.adnexal_mass") OR ("wife.ultrasound_result" = 'abnormal' AND "wife.adnexal_mass") AS "wife.adnexal_mass",
        ("wife.uterine_malformation" IS NOT NULL AND "wife.uterine_malformation") OR ("wife.ultrasound_result" = 'abnormal' AND "wife.uterine_malformation") AS "wife.uterine_malformation",
        ("wife.polycystic_ovary" IS NOT NULL AND "wife.polycystic_ovary") OR ("wife.ultrasound_result" = 'abnormal' AND "wife.polycystic_ovary") AS "wife.polycystic_ovary",
        "wife.hemoglobin__flag" = 'low' AS "wife.hemoglobin_low",
        "wife.mcv" < 80 OR "wife.mch" < 27 AS "wife.microcytosis",
        "wife.platelet__flag" = 'low' AS "wife.platelet_low",
        "wife.urine_protein" IN ('positive', 'positive_2', 'positive_3', 'positive_4') AS "wife.urine_protein_positive",
        "husband.urine_protein" IN ('positive', 'positive_2', 'positive_3', 'positive_4') AS "husband.urine_protein_positive",
        "wife.urine_glucose" IN ('positive', 'positive_2', 'positive_3', 'positive_4') AS "wife.urine_glucose_positive",
        "husband.urine_glucose" IN ('positive', 'positive_2', 'positive_3', 'positive_4') AS "husband.urine_glucose_positive",
        "wife.urine_blood" IN ('positive', 'positive_2', 'positive_3', 'positive_4') AS "wife.urine_blood_positive",
        "husband.urine_blood" IN ('positive', 'positive_2', 'positive_3', 'positive_4') AS "husband.urine_blood_positive",
        "wife.urine_leukocyte" IN ('positive', 'positive_2', 'positive_3', 'positive_4') OR "wife.urine_nitrite" = 'positive' AS "wife.urine_infection",
        "husband.urine_leukocyte" IN ('positive', 'positive_2', 'positive_3', 'positive_4') OR "husband.urine_nitrite" = 'positive' AS "husband.urine_infection",
        "wife.rh" = 'negative' AS "wife.rh_negative",
        "wife.glucose__flag" = 'high' AS "wife.glucose_high",
        "husband.glucose__flag" = 'high' AS "husband.glucose_high",
        "wife.glucose" >= 7.0 AS "wife.glucose_diabetic",
        "husband.glucose" >= 7.0 AS "husband.glucose_diabetic",
        "wife.glucose__flag" = 'high' AND "wife.hba1c" >= 6.5 AS "wife.hba1c_high",
        "husband.glucose__flag" = 'high' AND "husband.hba1c" >= 6.5 AS "husband.hba1c_high",
        "wife.glucose__flag" = 'low' AS "wife.glucose_low",
        "husband.glucose__flag" = 'low' AS "husband.glucose_low",
        "wife.alt__flag" = 'high' AS "wife.alt_high",
        "husband.alt__flag" = 'high' AS "husband.alt_high",
        "wife.alt" > 80 AS "wife.alt_over_twice_wife",
        "husband.alt" > 100 AS "husband.alt_over_twice_husband",
        "wife.creatinine__flag" = 'high' AS "wife.creatinine_high",
        "husband.creatinine__flag" = 'high' AS "husband.creatinine_high",
        "wife.tsh__flag" = 'high' AS "wife.tsh_high",
        "wife.tsh__flag" = 'low' AS "wife.tsh_low",
        "wife.tsh__flag" IN ('low', 'high') AND "wife.tpoab" = 'positive' AS "wife.tpoab_positive",
        "wife.hbsag" = 'positive' AS "wife.hbsag_positive",
        "husband.hbsag" = 'positive' AS "husband.hbsag_positive",
        "wife.hbeag" = 'positive' AS "wife.hbeag_positive",
        "husband.hbeag" = 'positive' AS "husband.hbeag_positive",
        "wife.hbsag" = 'positive' AND "wife.hbeag" = 'negative' AND "wife.anti_hbe" = 'positive' AS "wife.hbv_low_replication",
        "husband.hbsag" = 'positive' AND "husband.hbeag" = 'negative' AND "husband.anti_hbe" = 'positive' AS "husband.hbv_low_replication",
        "wife.hbsag" = 'positive' AND "wife.hbv_dna" >= 200000 AS "wife.hbv_dna_high",
        "husband.hbsag" = 'positive' AND "husband.hbv_dna" >= 200000 AS "husband.hbv_dna_high",
        "wife.hbsag" = 'negative' AND "wife.anti_hbs" = 'negative' AND "wife.hbeag" = 'negative' AND "wife.anti_hbe" = 'negative' AND "wife.anti_hbc" = 'negative' AS "wife.hbv_susceptible",
        "husband.hbsag" = 'negative' AND "husband.anti_hbs" = 'negative' AND "husband.hbeag" = 'negative' AND "husband.anti_hbe" = 'negative' AND "husband.anti_hbc" = 'negative' AS "husband.hbv_susceptible",
        "wife.hbsag" = 'negative' AND "wife.anti_hbs" = 'negative' AND ("wife.anti_hbc" = 'positive' OR "wife.anti_hbe" = 'positive') AS "wife.hbv_core_only",
        "husband.hbsag" = 'negative' AND "husband.anti_hbs" = 'negative' AND ("husband.anti_hbc" = 'positive' OR "husband.anti_hbe" = 'positive') AS "husband.hbv_core_only",
        "wife.syphilis" = 'positive' AS "wife.syphilis_positive",
        "husband.syphilis" = 'positive' AS "husband.syphilis_positive",
        "wife.syphilis" = 'positive' AND "wife.syphilis_rpr" = 'positive' AS "wife.syphilis_active",
        "husband.syphilis" = 'positive' AND "husband.syphilis_rpr" = 'positive' AS "husband.syphilis_active",
        "wife.rubella_igg" IN ('negative', 'suspicious') AS "wife.rubella_not_immune",
        ("wife.rubella_igm" IS NOT NULL AND "wife.rubella_igm" = 'positive') OR ("wife.rubella_igg" = 'suspicious' AND "wife.rubella_igm" = 'positive') AS "wife.rubella_igm_positive",
        "wife.cmv_igm" = 'positive' AS "wife.cmv_igm_positive",
        "wife.toxoplasma_igm" = 'positive' AS "wife.toxoplasma_igm_positive",
        "wife.gonococcus" = 'positive' AS "wife.gonococcus_positive",
        "wife.chlamydia" = 'positive' AS "wife.chlamydia_positive",
        "wife.trichomonas" = 'positive' AS "wife.trichomonas_positive",
        "wife.candida" = 'positive' AS "wife.candida_positive",
        "wife.bacterial_vaginosis" = 'positive' AS "wife.bacterial_vaginosis_positive",
        "wife.vaginal_cleanliness" IN ('iii', 'iv') AS "wife.vaginal_cleanliness_poor",
        "wife.hbsag" = 'suspicious' OR "wife.syphilis" = 'suspicious' OR "wife.cmv_igm" = 'suspicious' OR "wife.toxoplasma_igm" = 'suspicious' OR "wife.gonococcus" = 'suspicious' OR "wife.chlamydia" = 'suspicious' OR "wife.trichomonas" = 'suspicious' OR "wife.candida" = 'suspicious' OR "wife.bacterial_vaginosis" = 'suspicious' OR "wife.urine_protein" = 'suspicious' AS "wife.suspicious_result",
        "husband.hbsag" = 'suspicious' OR "husband.syphilis" = 'suspicious' OR "husband.urine_protein" = 'suspicious' AS "husband.suspicious_result_husband",
        ("wife.thalassaemia_gene" IS NOT NULL AND "wife.thalassaemia_gene" <> 'none') OR ("wife.family_thalassaemia" AND "wife.thalassaemia_gene" <> 'none') AS "wife.thalassaemia_carrier",
        ("husband.thalassaemia_gene" IS NOT NULL AND "husband.thalassaemia_gene" <> 'none') OR ("husband.family_thalassaemia" AND "husband.thalassaemia_gene" <> 'none') AS "husband.thalassaemia_carrier",
        ("wife.hb_a2" IS NOT NULL AND "wife.hb_a2" > 3.5) OR ("wife.family_thalassaemia" AND "wife.hb_a2" > 3.5) AS "wife.hb_a2_high",
        ("husband.hb_a2" IS NOT NULL AND "husband.hb_a2" > 3.5) OR ("husband.family_thalassaemia" AND "husband.hb_a2" > 3.5) AS "husband.hb_a2_high",
        "wife.age" >= 35 AS "wife.age_35",
        "wife.cycle_days" < 21 OR "wife.cycle_days" > 35 OR "wife.menstrual_flow" = 'heavy' OR "wife.dysmenorrhoea" = 'severe' AS "wife.menstrual_disorder",
        "wife.gravidity" > 0 AND "wife.parity" > 0 AND "wife.preterm_births" > 0 AS "wife.preterm_birth",
        "wife.gravidity" > 0 AND "wife.parity" > 0 AND "wife.low_weight_births" > 0 AS "wife.low_weight_birth",
        "wife.gravidity" > 0 AND "wife.stillbirths" > 0 AS "wife.stillbirth",
        "wife.gravidity" > 0 AND "wife.parity" > 0 AND "wife.neonatal_deaths" > 0 AS "wife.neonatal_death",
        "wife.gravidity" > 0 AND "wife.spontaneous_abortions" >= 2 AS "wife.recurrent_abortion",
        "wife.gravidity" > 0 AND "wife.induced_abortions" >= 2 AS "wife.induced_abortions",
        "wife.gravidity" > 0 AND "wife.ectopic_pregnancies" > 0 AS "wife.ectopic_pregnancy",
        "wife.gravidity" > 0 AND "wife.parity" > 0 AND "wife.caesareans" > 0 AS "wife.caesarean_scar",
        "wife.gravidity" > 0 AND "wife.past_preeclampsia" AS "wife.past_preeclampsia",
        "wife.gravidity" > 0 AND "wife.past_gestational_diabetes" AS "wife.past_gestational_diabetes",
        "wife.gravidity" > 0 AND "wife.medical_terminations" > 0 AS "wife.medical_termination",
        "wife.child_with_defect" AS "wife.child_with_defect",
        "husband.child_with_defect" AS "husband.child_with_defect",
        "wife.child_with_defect" AND "wife.child_with_chromosomal" AS "wife.child_with_chromosomal",
        "husband.child_with_defect" AND "husband.child_with_chromosomal" AS "husband.child_with_chromosomal",
        "wife.sbp" >= 140 OR "wife.dbp" >= 90 AS "wife.bp_high",
        "husband.sbp" >= 140 OR "husband.dbp" >= 90 AS "husband.bp_high",
        "wife.bmi" < 18.5 AS "wife.bmi_underweight",
        "husband.bmi" < 18.5 AS "husband.bmi_underweight",
        "wife.bmi" >= 24 AND "wife.bmi" < 28 AS "wife.bmi_overweight",
        "husband.bmi" >= 24 AND "husband.bmi" < 28 AS "husband.bmi_overweight",
        "wife.bmi" >= 28 AS "wife.bmi_obese",
        "husband.bmi" >= 28 AS "husband.bmi_obese",
        "wife.mental_state" = 'abnormal' OR "wife.intelligence" = 'abnormal' AS "wife.mental_state_abnormal",
        "husband.mental_state" = 'abnormal' OR "husband.intelligence" = 'abnormal' AS "husband.mental_state_abnormal",
        "wife.face" = 'abnormal' OR "wife.posture" = 'abnormal' OR "wife.facial_organs" = 'abnormal' AS "wife.special_appearance",
        "husband.face" = 'abnormal' OR "husband.posture" = 'abnormal' OR "husband.facial_organs" = 'abnormal' AS "husband.special_appearance",
        "wife.skin_hair" = 'abnormal' AS "wife.skin_abnormal",
        "husband.skin_hair" = 'abnormal' AS "husband.skin_abnormal",
        "wife.thyroid_exam" = 'abnormal' AS "wife.thyroid_exam_abnormal",
        "husband.thyroid_exam" = 'abnormal' AS "husband.thyroid_exam_abnormal",
        "wife.heart_rhythm" = 'abnormal' OR "wife.heart_murmur" AS "wife.heart_abnormal",
        "husband.heart_rhythm" = 'abnormal' OR "husband.heart_murmur" AS "husband.heart_abnormal",
        "wife.lung_exam" = 'abnormal' AS "wife.lung_abnormal",
        "husband.lung_exam" = 'abnormal' AS "husband.lung_abnormal",
        "wife.liver_exam" = 'abnormal' OR "wife.spleen_exam" = 'abnormal' AS "wife.liver_spleen_abnormal",
        "husband.liver_exam" = 'abnormal' OR "husband.spleen_exam" = 'abnormal' AS "husband.liver_spleen_abnormal",
        "wife.spine_limbs" = 'abnormal' AS "wife.spine_limbs_abnormal",
        "husband.spine_limbs" = 'abnormal' AS "husband.spine_limbs_abnormal",
        "wife.female_characters" = 'abnormal' AS "wife.female_characters_abnormal",
        "wife.breast_exam" = 'abnormal' AS "wife.breast_abnormal",
        "wife.vulva_exam" = 'abnormal' OR "wife.vagina_exam" = 'abnormal' OR "wife.vaginal_discharge" = 'abnormal' AS "wife.lower_genital_abnormal",
        "wife.cervix_exam" = 'abnormal' AS "wife.cervix_abnormal",
        "wife.uterus_exam" = 'abnormal' OR "wife.adnexa_exam" = 'abnormal' AS "wife.uterus_adnexa_abnormal",
        "husband.foreskin" IN ('redundant', 'tight', 'ring') AS "husband.foreskin_abnormal",
        "husband.varicocele" OR "husband.history_varicocele" AS "husband.varicocele",
        "husband.testis_position" IN ('undescended', 'absent') OR "husband.testis_left_ml" < 12 OR "husband.testis_right_ml" < 12 AS "husband.testis_abnormal",
        "husband.epididymis_exam" = 'abnormal' OR "husband.vas_exam" = 'abnormal' AS "husband.epididymis_vas_abnormal",
        "husband.adams_apple" = 'abnormal' OR "husband.pubic_hair" = 'abnormal' OR "husband.penis_exam" = 'abnormal' AS "husband.male_characters_abnormal",
        "wife.work_stress" >= 3 AS "wife.work_stress",
        "husband.work_stress" >= 3 AS "husband.work_stress",
        "wife.tense_relations" >= 3 AS "wife.tense_relations",
        "husband.tense_relations" >= 3 AS "husband.tense_relations",
        "wife.economic_stress" >= 3 AS "wife.economic_stress",
        "husband.economic_stress" >= 3 AS "husband.economic_stress",
        "wife.ready_for_pregnancy" <= 1 AS "wife.not_ready",
        "husband.ready_for_pregnancy" <= 1 AS "husband.not_ready"
    FROM facts
),
classed AS (
    SELECT *, CASE
        WHEN "wife.heart_function_poor" OR "wife.pulmonary_hypertension" OR "wife.renal_decompensated" OR
            "wife.liver_decompensated" OR "wife.tuberculosis_active" OR
            "wife.malignancy_active" OR "wife.autoimmune_active" OR
            "wife.mental_disorder_acute" OR "wife.genetic_disease_severe" OR
            "husband.genetic_disease_severe" OR "wife.takes_teratogen"
            THEN 'X'
        WHEN "couple.consanguineous" OR "couple.thalassaemia_same_type" OR "couple.ntd_history" OR
            "wife.family_thalassaemia" OR "husband.family_thalassaemia" OR
            "wife.family_albinism" OR "husband.family_albinism" OR "wife.family_haemophilia"
            OR "husband.family_haemophilia" OR "wife.family_g6pd" OR "husband.family_g6pd"
            OR "wife.family_congenital_heart_disease" OR
            "husband.family_congenital_heart_disease" OR "wife.family_down" OR
            "husband.family_down" OR "wife.family_neural_tube_defect" OR
            "husband.family_neural_tube_defect" OR "wife.family_intellectual_disability" OR
            "husband.family_intellectual_disability" OR "wife.family_hearing_loss" OR
            "husband.family_hearing_loss" OR "wife.family_visual_loss" OR
            "husband.family_visual_loss" OR "wife.family_infant_death" OR
            "husband.family_infant_death" OR "wife.family_other_defect" OR
            "husband.family_other_defect" OR "wife.grandparents_consanguineous" OR
            "husband.grandparents_consanguineous" OR "wife.history_birth_defect" OR
            "husband.history_birth_defect" OR "wife.history_genetic_disease" OR
            "husband.history_genetic_disease" OR "wife.thalassaemia_carrier" OR
            "husband.thalassaemia_carrier" OR "wife.hb_a2_high" OR "husband.hb_a2_high" OR
            "wife.age_35" OR "wife.medical_termination" OR "wife.child_with_defect" OR
            "husband.child_with_defect" OR "wife.child_with_chromosomal" OR
            "husband.child_with_chromosomal" OR "wife.special_appearance" OR
            "husband.special_appearance"
            THEN 'D'
        WHEN "couple.rh_incompatible" OR "wife.narcotics" OR "wife.history_hypertension" OR
            "wife.history_heart_disease" OR "wife.history_congenital_heart_disease" OR
            "wife.history_diabetes" OR "wife.history_epilepsy" OR
            "wife.history_thyroid_disease" OR "wife.iodine_131" OR "wife.history_nephritis"
            OR "wife.history_liver_disease" OR "wife.history_hepatitis_b" OR
            "husband.history_hepatitis_b" OR "wife.history_tuberculosis" OR
            "husband.history_tuberculosis" OR "wife.history_malignancy" OR
            "wife.history_autoimmune" OR "wife.history_thrombosis" OR "wife.history_sti" OR
            "husband.history_sti" OR "wife.history_gynaecological" OR "wife.takes_valproate"
            OR "wife.ultrasound_abnormal" OR "wife.fibroid" OR "wife.adnexal_mass" OR
            "wife.uterine_malformation" OR "wife.platelet_low" OR
            "wife.urine_protein_positive" OR "wife.rh_negative" OR "wife.glucose_high" OR
            "wife.glucose_diabetic" OR "wife.hba1c_high" OR "wife.alt_high" OR
            "wife.alt_over_twice_wife" OR "wife.creatinine_high" OR "wife.tsh_high" OR
            "wife.tsh_low" OR "wife.tpoab_positive" OR "wife.hbsag_positive" OR
            "husband.hbsag_positive" OR "wife.hbeag_positive" OR "husband.hbeag_positive" OR
            "wife.hbv_low_replication" OR "husband.hbv_low_replication" OR
            "wife.hbv_dna_high" OR "husband.hbv_dna_high" OR "wife.syphilis_positive" OR
            "husband.syphilis_positive" OR "wife.syphilis_active" OR
            "husband.syphilis_active" OR "wife.rubella_igm_positive" OR
            "wife.cmv_igm_positive" OR "wife.chlamydia_positive" OR "wife.preterm_birth" OR
            "wife.low_weight_birth" OR "wife.stillbirth" OR "wife.neonatal_death" OR
            "wife.recurrent_abortion" OR "wife.ectopic_pregnancy" OR "wife.caesarean_scar"
            OR "wife.past_preeclampsia" OR "wife.past_gestational_diabetes" OR
            "wife.bp_high" OR "wife.heart_abnormal" OR "wife.liver_spleen_abnormal" OR
            "wife.uterus_adnexa_abnormal"
            THEN 'C'
        WHEN "couple.hbv_discordant" OR "husband.narcotics" OR "wife.gum_bleeding" OR
            "husband.gum_bleeding" OR "wife.history_anaemia" OR
            "husband.history_hypertension" OR "husband.history_heart_disease" OR
            "husband.history_congenital_heart_disease" OR "husband.history_diabetes" OR
            "husband.history_epilepsy" OR "husband.history_thyroid_disease" OR
            "husband.iodine_131" OR "husband.history_nephritis" OR
            "husband.history_liver_disease" OR "wife.history_tumour" OR
            "husband.history_tumour" OR "husband.history_malignancy" OR
            "husband.history_autoimmune" OR "husband.history_thrombosis" OR
            "wife.history_asthma" OR "wife.history_mental_disorder" OR
            "husband.history_mental_disorder" OR "husband.history_orchitis" OR
            "husband.history_mumps" OR "husband.history_male_infertility" OR
            "wife.medication_now" OR "husband.medication_now" OR "wife.takes_acei_arb" OR
            "husband.takes_valproate" OR "husband.takes_teratogen" OR
            "wife.ultrasound_uncertain" OR "wife.polycystic_ovary" OR "wife.hemoglobin_low"
            OR "wife.microcytosis" OR "husband.urine_protein_positive" OR
            "wife.urine_glucose_positive" OR "husband.urine_glucose_positive" OR
            "wife.urine_blood_positive" OR "husband.urine_blood_positive" OR
            "wife.urine_infection" OR "husband.urine_infection" OR "husband.glucose_high" OR
            "husband.glucose_diabetic" OR "husband.hba1c_high" OR "wife.glucose_low" OR
            "husband.glucose_low" OR "husband.alt_high" OR "husband.alt_over_twice_husband"
            OR "husband.creatinine_high" OR "wife.hbv_core_only" OR "husband.hbv_core_only"
            OR "wife.rubella_not_immune" OR "wife.toxoplasma_igm_positive" OR
            "wife.gonococcus_positive" OR "wife.trichomonas_positive" OR
            "wife.candida_positive" OR "wife.bacterial_vaginosis_positive" OR
            "wife.vaginal_cleanliness_poor" OR "wife.suspicious_result" OR
            "husband.suspicious_result_husband" OR "wife.menstrual_disorder" OR
            "wife.induced_abortions" OR "husband.bp_high" OR "wife.bmi_obese" OR
            "husband.bmi_obese" OR "wife.mental_state_abnormal" OR
            "husband.mental_state_abnormal" OR "wife.skin_abnormal" OR
            "husband.skin_abnormal" OR "wife.thyroid_exam_abnormal" OR
            "husband.thyroid_exam_abnormal" OR "husband.heart_abnormal" OR
            "wife.lung_abnormal" OR "husband.lung_abnormal" OR
            "husband.liver_spleen_abnormal" OR "wife.spine_limbs_abnormal" OR
            "husband.spine_limbs_abnormal" OR "wife.female_characters_abnormal" OR
            "wife.breast_abnormal" OR "wife.lower_genital_abnormal" OR
            "wife.cervix_abnormal" OR "husband.varicocele" OR "husband.testis_abnormal" OR
            "husband.epididymis_vas_abnormal" OR "husband.male_characters_abnormal"
            THEN 'B'
        WHEN "wife.toxic_exposure" OR "husband.toxic_exposure" OR "wife.pets_contact" OR
            "husband.pets_contact" OR "wife.family_diabetes" OR "husband.family_diabetes" OR
            "wife.family_hypertension" OR "husband.family_hypertension" OR
            "wife.family_mental_disorder" OR "husband.family_mental_disorder" OR
            "wife.smoking" OR "husband.smoking" OR "wife.passive_smoking" OR
            "husband.passive_smoking" OR "wife.alcohol" OR "husband.alcohol" OR
            "wife.no_meat_eggs" OR "husband.no_meat_eggs" OR "wife.avoids_vegetables" OR
            "husband.avoids_vegetables" OR "wife.raw_meat" OR "husband.raw_meat" OR
            "wife.folic_acid_not_taken" OR "wife.bad_breath" OR "husband.bad_breath" OR
            "wife.hbv_susceptible" OR "husband.hbv_susceptible" OR "wife.bmi_underweight" OR
            "husband.bmi_underweight" OR "wife.bmi_overweight" OR "husband.bmi_overweight"
            OR "husband.foreskin_abnormal" OR "wife.work_stress" OR "husband.work_stress" OR
            "wife.tense_relations" OR "husband.tense_relations" OR "wife.economic_stress" OR
            "husband.economic_stress" OR "wife.not_ready" OR "husband.not_ready"
            THEN 'A'
    END AS class
    FROM rules
)
SELECT *, CASE WHEN class IS NULL THEN 'general' ELSE 'high' END AS level
FROM classed
