// libpq: PostgreSQL's C client library.
#pragma once
#include <libpq-fe.h>
#include <sys/eventfd.h>
