SELECT current_setting('hallpass.accounts');
