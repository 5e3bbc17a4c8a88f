package budget_test

import (
	"testing"

	"doksportal/internal/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }
