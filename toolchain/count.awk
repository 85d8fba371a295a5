# Adds up the results in the combined stdout and stderr of "cargo test". Fails if a test failed, and also if a test target
# in a tests/ folder ran no test, which cargo itself accepts. "status" is the exit code of the run.
# "     Running tests/ledger.rs (target/debug/deps/ledger-…)", "     Running unittests src/lib.rs (…)", "   Doc-tests name"
/^ +Running .* \(.*\)$/ { close_suite(); suite = $2 == "unittests" ? "unit tests " $3 : $2; must_run = suite ~ /^tests\//; open = 1 }
/^ +Doc-tests / { close_suite(); suite = "doc tests of " $2; must_run = 0; open = 1 }
/^test result: / {
  for (i = 1; i <= NF; i++) {
    if ($i == "passed;") { passed += $(i - 1); ran += $(i - 1) }
    if ($i == "failed;") { failed += $(i - 1); ran += $(i - 1) }
    if ($i == "ignored;") skipped += $(i - 1)
  }
  if (must_run && ran == 0) empty[++empties] = suite
  ran = 0; open = 0
}
function close_suite() { if (open) broken[++brokens] = suite; open = 0 }
END {
  close_suite()
  for (i = 1; i <= empties; i++) print "error: " empty[i] " ran no test"
  for (i = 1; i <= brokens; i++) print "error: " broken[i] " exited without a result"
  if (passed + failed == 0) print "error: no test ran"
  if (status != 0 && failed == 0) print "error: the test run exited with code " status
  failed += brokens
  printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
  exit status != 0 || failed || empties || passed == 0
}
