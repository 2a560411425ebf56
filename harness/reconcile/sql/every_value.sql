SELECT max(COLUMNS(*)) FROM $table;
