"""What is played: steps, the plan, the two sides and the player, and what was covered."""
