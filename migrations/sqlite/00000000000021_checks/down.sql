DROP TABLE findings;
DROP TABLE target_checks;
