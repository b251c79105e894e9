# What the pages for users, admins and publishers tell a reader to type works as it stands there, and prints what they say.
# docs/admin.md's configuration is 172's.

load lib/bats
load lib/pages

@test "docs/user.md" {
  pages_site
  page_run docs/user.md "" page_user
}
